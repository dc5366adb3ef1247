//! Streams.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Promise;
use streamkit_core::{
    EntryId, Error, Listing, PartitionChoice, RecordFrame, Result, Retention, Store, StreamAppend,
    StreamAppended, StreamRead, Trim,
};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::call::Call;
use super::write::read_options;
use super::{Engine, copied_out, numbers_out, page_out};
use crate::numbers::{bound, integer, integer_unless_negative, integer_unless_zero, number, size};
use crate::promise::{promise, promise_or_refusal};
use crate::stream_frames::{write_stream, write_streams};

fn partition_if_any(partition: f64) -> Result<Option<u32>> {
    let Some(partition) = integer_unless_negative("partition", partition)? else {
        return Ok(None);
    };
    let above = || Error::invalid("partition: must be below 2^32");
    u32::try_from(partition).map(Some).map_err(|_| above())
}

fn retention(max_age: f64, max_count: f64, max_bytes: f64) -> Result<Retention> {
    Ok(Retention {
        max_age: integer_unless_zero("retention.maxAge", max_age)?,
        max_count: integer_unless_zero("retention.maxCount", max_count)?,
        max_bytes: integer_unless_zero("retention.maxBytes", max_bytes)?,
    })
}

fn id(name: &str, ms: f64, n: f64) -> Result<EntryId> {
    Ok(EntryId { ms: integer(name, ms)?, n: integer(name, n)? })
}

impl Engine {
    /// The store, for a call that is known by this tag.
    pub(super) fn tagged(&self, tag: f64) -> Result<Store> {
        Ok(self.store.tagged(integer("tag", tag)?))
    }
}

#[wasm_bindgen]
impl Engine {
    /// Creates a stream. Bounds of its retention: 0 for none. Gives it as it stands.
    #[wasm_bindgen(js_name = streamCreate, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn stream_create(
        &self,
        name: String,
        partitions: f64,
        max_age: f64,
        max_count: f64,
        max_bytes: f64,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let partitions = u32::try_from(integer("partitions", partitions)?).unwrap_or(u32::MAX);
            Ok((self.tagged(tag)?, partitions, retention(max_age, max_count, max_bytes)?))
        };
        promise_or_refusal(arguments().map(|(store, partitions, retention)| async move {
            let stream = store.create_stream(&name, partitions, retention).await?;
            Ok(copied_out(&write_stream(&stream)))
        }))
    }

    /// Gives a stream another retention. Gives it as it stands.
    #[wasm_bindgen(js_name = streamAlter, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn stream_alter(
        &self,
        name: String,
        max_age: f64,
        max_count: f64,
        max_bytes: f64,
        tag: f64,
    ) -> Promise {
        let arguments = || Ok((self.tagged(tag)?, retention(max_age, max_count, max_bytes)?));
        promise_or_refusal(arguments().map(|(store, retention)| async move {
            Ok(copied_out(&write_stream(&store.alter_stream(&name, retention).await?)))
        }))
    }

    /// Deletes a stream, if it is empty or `force` is set.
    #[wasm_bindgen(js_name = streamDelete, unchecked_return_type = "Promise<void>")]
    pub fn stream_delete(&self, name: String, force: bool, tag: f64) -> Promise {
        promise_or_refusal(self.tagged(tag).map(|store| async move {
            store.delete_stream(&name, force).await?;
            // Its groups went with it; what they leave is only room, and may wait for another sweep.
            let _ = store.sweep_groups(&name).await;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// A stream as it stands.
    #[wasm_bindgen(js_name = streamInfo, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn stream_info(&self, name: String) -> Promise {
        let store = self.store.clone();
        promise(async move { Ok(copied_out(&write_stream(&store.stream(&name).await?))) })
    }

    /// A page of the streams after a name, with a prefix, in byte order.
    #[wasm_bindgen(js_name = streamList, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn stream_list(&self, after: Option<String>, prefix: Option<String>, limit: f64) -> Promise {
        promise_or_refusal(size("limit", limit).map(|limit| {
            let store = self.store.clone();
            async move {
                let list = store.streams(Listing { after, prefix, limit }).await?;
                Ok(copied_out(&write_streams(&list)))
            }
        }))
    }

    /// Appends a record frame to a stream. `partition`: -1 for none; the rest as of [`Engine::append`].
    /// `call` is told milliseconds and n of the first id and of the last, and the partition.
    #[wasm_bindgen(js_name = streamAppend)]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn stream_append(
        &self,
        name: String,
        frame: Vec<u8>,
        partition: f64,
        partition_key: Option<String>,
        trx_id: Option<String>,
        trx_number: f64,
        lease: &JsValue,
        durability: f64,
        tag: f64,
        call: Call,
    ) {
        let arguments = || {
            let append = StreamAppend {
                stream: name,
                records: RecordFrame::parse(frame)?,
                partition: partition_if_any(partition)?,
                partition_key,
            };
            Ok((append, read_options(trx_id, trx_number, lease, durability, tag)?))
        };
        match arguments() {
            Ok((append, options)) => self.store.append_to_stream_then(append, options, move |made| {
                call.settle(made.map(|StreamAppended { first_id, last_id, partition, .. }| {
                    [first_id.ms, first_id.n, last_id.ms, last_id.n, u64::from(partition)]
                }));
            }),
            Err(error) => call.settle(Err(error)),
        }
    }

    /// A page of a stream after an id, (0, 0) for the beginning, up to another, -1 for none.
    /// `partition`: -1 for that of the key, or for all of them. `from_partition`, `from_sequence`: where
    /// the last page ended, -1 for the first one.
    #[wasm_bindgen(js_name = streamRead, unchecked_return_type = "Promise<Uint8Array | Uint8Array[]>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn stream_read(
        &self,
        name: String,
        partition: f64,
        partition_key: Option<String>,
        after_ms: f64,
        after_n: f64,
        last_ms: f64,
        last_n: f64,
        from_partition: f64,
        from_sequence: f64,
        max_entries: f64,
        max_bytes: f64,
    ) -> Promise {
        let read = || -> Result<StreamRead> {
            let partitions = match (partition_if_any(partition)?, partition_key) {
                (Some(number), _) => PartitionChoice::Number(number),
                (None, Some(key)) => PartitionChoice::Key(key),
                (None, None) => PartitionChoice::All,
            };
            let from = match partition_if_any(from_partition)? {
                Some(partition) => Some((partition, integer("fromSequence", from_sequence)?)),
                None => None,
            };
            let last = if last_ms < 0.0 { None } else { Some(id("last", last_ms, last_n)?) };
            Ok(StreamRead {
                stream: name,
                partitions,
                after: id("after", after_ms, after_n)?,
                last,
                from,
                max_entries: bound("maxEntries", max_entries)?,
                max_bytes: size("maxBytes", max_bytes)?,
            })
        };
        promise_or_refusal(read().map(|read| {
            let store = self.store.clone();
            async move { Ok(page_out(&[], &store.read_stream(read).await?)) }
        }))
    }

    /// Milliseconds and n of the last id that was given in a stream, whatever became of it.
    #[wasm_bindgen(js_name = streamTail, unchecked_return_type = "Promise<Float64Array>")]
    pub fn stream_tail(&self, name: String) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let tail = store.stream_tail(&name).await?;
            Ok(numbers_out(&[tail.ms, tail.n].map(number)))
        })
    }

    /// Trims a stream: `kind` 0 before an id, whose numbers are `value` and `n`; 1 all but `value` records;
    /// 2 what is older than `value` milliseconds; 3 all but `value` bytes. Gives how many records went, and
    /// milliseconds and n of the first that is left.
    #[wasm_bindgen(js_name = streamTrim, unchecked_return_type = "Promise<Float64Array>")]
    pub fn stream_trim(
        &self,
        name: String,
        kind: f64,
        value: f64,
        n: f64,
        dry_run: bool,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let trim = match integer("kind", kind)? {
                0 => Trim::Before(id("before", value, n)?),
                1 => Trim::MaxCount(integer("maxCount", value)?),
                2 => Trim::MaxAge(integer("maxAge", value)?),
                3 => Trim::MaxBytes(integer("maxBytes", value)?),
                _ => return Err(Error::invalid("kind: must be from 0 to 3")),
            };
            Ok((self.tagged(tag)?, trim))
        };
        promise_or_refusal(arguments().map(|(store, trim)| async move {
            let trimmed = store.trim_stream(&name, trim, dry_run).await?;
            let numbers = [trimmed.trimmed, trimmed.first_id.ms, trimmed.first_id.n].map(number);
            Ok(numbers_out(&numbers))
        }))
    }

    /// Applies the retention of the streams after a name. Gives the name to go on after, `undefined` at the
    /// end.
    #[wasm_bindgen(js_name = streamSweep, unchecked_return_type = "Promise<string | undefined>")]
    pub fn stream_sweep(&self, after: Option<String>) -> Promise {
        let store = self.store.clone();
        promise(async move {
            let rest = store.sweep_streams(after.as_deref()).await?;
            Ok(rest.map_or(JsValue::UNDEFINED, |name| JsValue::from_str(&name)))
        })
    }
}
