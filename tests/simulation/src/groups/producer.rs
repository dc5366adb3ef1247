//! Who appends to the stream.

use std::collections::BTreeMap;
use std::rc::Rc;

use streamkit_core::{RecordFrame, StreamAppend, WriteOptions, encode_entry_body, encode_record_frame};
use uuid::Uuid;

use super::run::Scene;
use crate::host::is_fault;
use crate::told::told;

const KEYS: [&str; 5] = ["k1", "k2", "k3", "k4", "k5"];

/// Appends so many times; a call whose reply was lost is made again with the same TRX.
pub(super) async fn producer(scene: Rc<Scene>, number: usize, calls: usize) {
    let world = &scene.world;
    let random = world.random.fork(&format!("producer {number}"));
    for call in 0..calls {
        world.executor.sleep(random.between(1, 150)).await;
        let key = random.pick(&KEYS);
        let trx = Uuid::from_u64_pair(random.next(), random.next() | 1);
        let mut metadata = BTreeMap::new();
        metadata.insert(String::from("partition-key"), String::from(key));
        let payloads: Vec<String> =
            (0..random.between(1, 6)).map(|n| format!("p{number} {call} {n}")).collect();
        for payload in &payloads {
            scene.books.key_of(payload, key);
        }
        let bodies: Vec<Vec<u8>> = payloads
            .iter()
            .map(|payload| encode_entry_body(payload.as_bytes(), &metadata).expect("encodes"))
            .collect();
        let frame = RecordFrame::parse(encode_record_frame(&bodies, None).expect("encodes")).expect("parses");
        for _ in 0..8 {
            let append = StreamAppend {
                stream: scene.stream.into(),
                records: frame.clone(),
                partition: None,
                partition_key: Some(key.into()),
            };
            let index = world.any_instance(&random);
            let options = WriteOptions { trx_id: Some(trx), ..WriteOptions::default() };
            let done = world
                .call(index, "append", move |store| async move {
                    if call % 2 == 0 {
                        return store.append_to_stream(append, options).await;
                    }
                    told(|then| store.append_to_stream_then(append, options, then)).await
                })
                .await;
            world.trace.say(|| format!("producer {number} {call}: {done:?}"));
            match done {
                Some(Ok(_)) => break,
                Some(Err(error)) if is_fault(&error) || error.is_retryable() => {}
                Some(Err(error)) => world.check(Err(format!("producer {number}: {error}"))),
                None => {}
            }
            world.executor.sleep(random.between(1, 60)).await;
        }
    }
}
