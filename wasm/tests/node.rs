//! The binding in Node.

#![cfg(target_arch = "wasm32")]

mod support;

use js_sys::{Float64Array, Object, Reflect};
use streamkit_wasm::panic_message;
use support::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const APPLIED: &str = "applied";

fn assert_refused(error: &JsValue, code: &str, message: &str) {
    assert_eq!(text(error, "code"), code, "{error:?}");
    assert!(text(error, "message").contains(message), "{error:?}");
}

#[wasm_bindgen_test]
async fn a_store_has_an_id_and_limits() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    let id = store.engine.id();
    assert_eq!(id.len(), 36);
    let limits = store.engine.limits();
    assert!(field(&limits, "maxRecordBytes").as_f64().unwrap() > 0.0);
    assert!(field(&limits, "maxCommitBytes").as_f64().unwrap() > 0.0);
    assert!(field(&limits, "maxCommitRecords").as_f64().unwrap() > 0.0);
    assert_eq!(open(&bridge).await.engine.id(), id);
    let other = OPTIONS.replace("undefined", "\"0190a1b2-0000-7000-8000-000000000000\"");
    let error = open_with(&bridge, &other).await.err().unwrap();
    assert_refused(&error, "CONFLICT", "storeId");
    assert_eq!(field(&error, "retryable"), false);
}

#[wasm_bindgen_test]
async fn options_and_limits_are_checked() {
    let bridge = MemoryBridge::new();
    for (from, to, message) in [
        ("\"strict\"", "\"later\"", "options.durability: "),
        ("\"strict\"", "7", "options.durability: must be a string"),
        ("\"auto\"", "undefined", "options.compression: "),
        ("30000", "-1", "hostTimeout: "),
        ("30000", "NaN", "hostTimeout: "),
        ("30000", "\"1\"", "options.hostTimeout: must be a number"),
        ("1000,", "null,", "options.pollInterval: "),
        ("true", "1", "options.autoCompact: "),
        ("undefined", "\"not a uuid\"", "storeId: must be a UUID"),
        ("undefined", "\"0190a1b2000070008000000000000000\"", "storeId: must be a UUID"),
    ] {
        let error = open_with(&bridge, &OPTIONS.replace(from, to)).await.err().unwrap();
        assert_refused(&error, "INVALID_ARGUMENT", message);
    }
    for options in ["null", "undefined", "7", "[]"] {
        let error = open_with(&bridge, options).await.err().unwrap();
        assert_refused(&error, "INVALID_ARGUMENT", "options.");
    }
    for (name, value) in [
        ("maxKeyBytes", "0"),
        ("blockBytes", "NaN"),
        ("maxBatchOps", "undefined"),
        ("atomic", "\"galaxy\""),
        ("checks", "1"),
    ] {
        let bridge = MemoryBridge::new();
        let limits = Object::assign(&Object::new(), bridge.limits().unchecked_ref());
        Reflect::set(&limits, &name.into(), &evaluate(value)).unwrap();
        bridge.set_limits(&limits);
        let error = open_with(&bridge, OPTIONS).await.err().unwrap();
        assert_refused(&error, "INVALID_ARGUMENT", name);
    }
}

#[wasm_bindgen_test]
async fn what_is_appended_is_read() {
    for later in [false, true] {
        let bridge = MemoryBridge::new();
        bridge.set_later(later);
        let store = open(&bridge).await;
        // The clock is floored.
        let first = store.append("g", &["alpha", "beta"]).await.unwrap();
        assert_eq!(first, [1.0, 1_700_000_000_000.0, 2.0, 1_700_000_000_000.0]);
        store.append("h", &["gamma"]).await.unwrap();
        let page = store.page("g").await.unwrap();
        assert_eq!((count(&page, "alpha"), count(&page, "beta"), count(&page, "gamma")), (1, 1, 0));
        let all = settled(store.engine.read_space("s", 0.0, 0.0, -1.0, -1.0, 1000.0, 1e6));
        let all = bytes(all.await.unwrap());
        assert_eq!((count(&all, "alpha"), count(&all, "gamma")), (1, 1));
        let latest = bytes(settled(store.engine.peek("s", "g")).await.unwrap());
        assert_eq!((count(&latest, "alpha"), count(&latest, "beta")), (0, 1));
        let status = settled(store.engine.status("s", "g")).await.unwrap();
        assert_eq!(status.unchecked_into::<Float64Array>().to_vec(), first);
        assert!(settled(store.engine.status("s", "x")).await.unwrap().is_undefined());
        let names = bytes(settled(store.engine.spaces(None, None, 10.0)).await.unwrap());
        assert_eq!(names, [0, 1, 0, 0, 0, 1, 0, 0, 0, b's']);
        let changes = settled(store.engine.changes("s", None, -1.0, 0.0)).await.unwrap();
        let changes = bytes(changes);
        assert_eq!(changes[32..41], [2, 0, 0, 0, 1, 0, 0, 0, b'g']);
        assert_eq!(changes[41..49], 1_f64.to_le_bytes());
        assert!(bridge.notified() >= 2);
        assert_eq!(bridge.running(), 0);
    }
}

#[wasm_bindgen_test]
async fn a_host_in_memory_costs_no_timer() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    store.append("g", &["a"]).await.unwrap();
    store.page("g").await.unwrap();
    assert_eq!(bridge.started(), 0);
}

#[wasm_bindgen_test]
async fn appends_of_one_turn_share_a_commit() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    let before = bridge.commits();
    let writes: Vec<_> = (0..50).map(|_| store.start("g", &["x"], 0.0)).collect();
    for (index, write) in writes.into_iter().enumerate() {
        let status = settled(write).await.unwrap().unchecked_into::<Float64Array>();
        assert_eq!(status.get_index(2), index as f64 + 1.0);
    }
    assert_eq!(bridge.commits(), before + 1);
}

#[wasm_bindgen_test]
async fn transactions_answer_in_the_order_given() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    let mut writes = 2_u32.to_le_bytes().to_vec();
    for (space, segment, payloads) in [("b", "1", &["x", "y"][..]), ("a", "2", &["z"])] {
        for part in [space.as_bytes(), segment.as_bytes(), &frame(payloads)] {
            writes.extend_from_slice(&(part.len() as u32).to_le_bytes());
            writes.extend_from_slice(part);
        }
    }
    let none = JsValue::UNDEFINED;
    let transact = |frame: &[u8]| store.engine.transact(frame, None, 0.0, &none, 0.0, 0.0);
    let statuses = settled(transact(&writes)).await.unwrap().unchecked_into::<Float64Array>();
    assert_eq!([statuses.length(), statuses.get_index(2) as u32, statuses.get_index(6) as u32], [8, 2, 1]);
    for length in 0..writes.len() {
        let error = rejection(transact(&writes[..length])).await;
        assert_refused(&error, "INVALID_ARGUMENT", ": ");
    }
    writes.push(0);
    assert_refused(&rejection(transact(&writes)).await, "INVALID_ARGUMENT", "writes: ");
}

#[wasm_bindgen_test]
async fn bad_arguments_are_named() {
    let store = open(&MemoryBridge::new()).await;
    let records = frame(&["a"]);
    let none = JsValue::UNDEFINED;
    let append = |expected: f64, id: Option<&str>, number: f64, lease: &JsValue, how: f64, tag: f64| {
        store.engine.append("s", "g", &records, expected, id.map(Into::into), number, lease, how, tag)
    };
    for (promise, message) in [
        (append(0.5, None, 0.0, &none, 0.0, 0.0), "expectedSequence: "),
        (append(f64::NAN, None, 0.0, &none, 0.0, 0.0), "expectedSequence: "),
        (append(1e300, None, 0.0, &none, 0.0, 0.0), "expectedSequence: "),
        (append(-1.0, Some("x"), 0.0, &none, 0.0, 0.0), "trx.id: "),
        (append(-1.0, None, 1.5, &none, 0.0, 0.0), "trx.number: "),
        (append(-1.0, None, 0.0, &JsValue::NULL, 0.0, 0.0), "lease.key: "),
        (append(-1.0, None, 0.0, &evaluate("{}"), 0.0, 0.0), "lease.key: "),
        (
            append(-1.0, None, 0.0, &evaluate("{ key: 'k', holder: 'h', fencingToken: -1 }"), 0.0, 0.0),
            "lease.fencingToken: ",
        ),
        (append(-1.0, None, 0.0, &none, 3.0, 0.0), "durability: "),
        (append(-1.0, None, 0.0, &none, 0.0, -3.0), "tag: "),
        (store.engine.read_segment("s", "g", -1.0, 0.0, -1.0, -1.0, 1.0, 1.0), "fromSequence: "),
        (store.engine.read_segment("s", "g", 1.0, 0.0, -1.0, -1.0, 0.0, 1.0), "maxEntries: "),
        (store.engine.read_segment("s", "g", 1.0, 0.0, -1.0, -1.0, 1.0, f64::NAN), "maxBytes: "),
        (store.engine.read_segment("s", "g", 1.0, 0.0, 0.5, -1.0, 1.0, 1.0), "minTimestamp: "),
        (store.engine.read_space("s", 0.5, 0.0, -1.0, -1.0, 1.0, 1.0), "afterMs: "),
        (store.engine.read_space("", 0.0, 0.0, -1.0, -1.0, 1.0, 1.0), "space: "),
        (store.engine.spaces(None, None, f64::NAN), "limit: "),
        (store.engine.changes("s", None, 1.0, -1.0), "afterN: "),
        (store.engine.lease_acquire("k", "h", 0.5, 0.0), "ttl: "),
        (store.engine.wait("", -1.0, -1.0, 0.0), "epoch: "),
        (store.engine.wait("", 0.0, f64::NAN, 0.0), "timeout: "),
    ] {
        assert_refused(&rejection(promise).await, "INVALID_ARGUMENT", message);
    }
    store.engine.cancel(f64::NAN);
    let broken = store.engine.append("s", "g", &[1], -1.0, None, 0.0, &none, 0.0, 0.0);
    assert_refused(&rejection(broken).await, "INVALID_ARGUMENT", "records: ");
}

#[wasm_bindgen_test]
async fn refusals_carry_their_facts() {
    let store = open(&MemoryBridge::new()).await;
    store.append("g", &["a"]).await.unwrap();
    let none = JsValue::UNDEFINED;
    let stale = store.engine.append("s", "g", &frame(&["b"]), 0.0, None, 0.0, &none, 0.0, 0.0);
    let error = rejection(stale).await;
    assert_eq!(text(&error, "code"), "SEQUENCE_MISMATCH");
    assert_eq!(detail(&error, "expected"), 1.0);
    assert_eq!(detail(&error, "actual"), 2.0);
    assert!(field(&error, "retryable").is_undefined());
    let token = settled(store.engine.lease_acquire("k", "one", 1000.0, 0.0)).await.unwrap();
    assert_eq!(token, 1.0);
    let error = rejection(store.engine.lease_acquire("k", "two", 1000.0, 0.0)).await;
    assert_eq!(text(&error, "code"), "LEASE_NOT_ACQUIRED");
    assert_eq!(detail(&error, "holder"), "one");
}

#[wasm_bindgen_test]
async fn errors_of_hosts_keep_their_codes() {
    for later in [false, true] {
        let bridge = MemoryBridge::new();
        let store = open(&bridge).await;
        // A read applies nothing, whatever a host says of it.
        for (thrown, code, applied) in [
            ("new Error('boom')", "UNAVAILABLE", JsValue::FALSE),
            ("'boom'", "UNAVAILABLE", JsValue::FALSE),
            ("{ message: 'boom', code: 'ENOENT' }", "UNAVAILABLE", JsValue::FALSE),
            ("{ message: 'boom', code: 'ABORTED' }", "UNAVAILABLE", JsValue::FALSE),
            ("{ message: 'boom', code: 'UNAVAILABLE' }", "UNAVAILABLE", JsValue::FALSE),
            ("{ message: 'boom', code: 'CLOSED' }", "CLOSED", JsValue::UNDEFINED),
            ("{ message: 'boom', code: 'UNSUPPORTED' }", "UNSUPPORTED", JsValue::UNDEFINED),
            ("{ message: 'boom', code: 'CORRUPT', details: null }", "CORRUPT", JsValue::UNDEFINED),
            ("{ message: 'boom', code: 'QUOTA_EXCEEDED' }", "QUOTA_EXCEEDED", JsValue::UNDEFINED),
            (
                "{ message: 'boom', code: 'UNAVAILABLE', details: { applied: false }, retryable: false }",
                "UNAVAILABLE",
                false.into(),
            ),
        ] {
            bridge.fail("get", &evaluate(thrown), later);
            let error = rejection(store.start_page("g")).await;
            assert_refused(&error, code, "boom");
            assert_eq!(
                if field(&error, "details").is_undefined() {
                    JsValue::UNDEFINED
                } else {
                    detail(&error, APPLIED)
                },
                applied
            );
            assert_eq!(field(&error, "retryable").is_undefined(), !thrown.contains("retryable"));
        }
        for thrown in [
            "undefined",
            "null",
            "7",
            "Symbol('x')",
            "new Proxy({}, { get() { throw new Error('trap'); } })",
            "{ get code() { throw 1; } }",
        ] {
            bridge.fail("get", &evaluate(thrown), later);
            assert_refused(&rejection(store.start_page("g")).await, "UNAVAILABLE", "memory");
        }
        bridge.heal("get");
        let limit =
            "{ code: 'LIMIT_EXCEEDED', message: 'boom', details: { what: 'w', limit: 1, actual: 2.5 } }";
        bridge.fail("commit", &evaluate(limit), later);
        let error = store.append("g", &["a"]).await.unwrap_err();
        assert_refused(&error, "LIMIT_EXCEEDED", "boom");
        assert_eq!(detail(&error, "what"), "w");
        assert_eq!(detail(&error, "limit"), 1.0);
        assert!(detail(&error, "actual").is_undefined());
    }
}

#[wasm_bindgen_test]
async fn rubbish_from_a_host_is_unavailable() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    store.append("g", &["stored once"]).await.unwrap();
    for call in ["get", "scan", "commit"] {
        for answer in [
            "null",
            "true",
            "7",
            "'text'",
            "{}",
            "[]",
            "new Uint8Array()",
            "new Uint8Array(3)",
            "new Uint8Array(200).fill(255)",
            "new Uint32Array(2)",
            "new ArrayBuffer(8)",
            "Promise.resolve(null)",
            "Promise.resolve(new Uint8Array(1))",
            "{ then(resolve) { resolve(7); } }",
            "{ get then() { throw new Error('no'); } }",
            "() => 1",
        ] {
            bridge.say(call, &evaluate(answer));
            let error = if call == "commit" {
                store.append("g", &["never stored"]).await.unwrap_err()
            } else {
                rejection(store.start_page("g")).await
            };
            assert_refused(&error, "UNAVAILABLE", "memory");
        }
        bridge.heal(call);
    }
    bridge.say("get", &JsValue::UNDEFINED);
    assert_refused(&rejection(store.start_page("g")).await, "UNAVAILABLE", "get");
    bridge.heal("get");
    let page = store.page("g").await.unwrap();
    assert_eq!((count(&page, "stored once"), count(&page, "never stored")), (1, 0));
}

#[wasm_bindgen_test]
async fn a_broken_clock_is_refused_when_it_would_be_stamped() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    for (clock, code) in [
        ("() => NaN", "INVALID_ARGUMENT"),
        ("() => Infinity", "INVALID_ARGUMENT"),
        ("() => 2 ** 60", "LIMIT_EXCEEDED"),
        ("() => 'noon'", "INVALID_ARGUMENT"),
        ("() => { throw new Error('no clock'); }", "INVALID_ARGUMENT"),
    ] {
        bridge.set_clock(&evaluate(clock));
        let error = store.append("g", &["a"]).await.unwrap_err();
        assert_eq!(text(&error, "code"), code, "{clock} {error:?}");
    }
    bridge.set_clock(&evaluate("() => -5"));
    assert_eq!(store.append("g", &["a"]).await.unwrap(), [1.0, 1.0, 1.0, 1.0]);
    bridge.set_clock(&evaluate("() => 8.9"));
    assert_eq!(store.append("g", &["a"]).await.unwrap(), [1.0, 1.0, 2.0, 8.0]);
}

#[wasm_bindgen_test]
async fn a_host_that_hangs_is_given_up_and_its_timer_stopped() {
    let bridge = MemoryBridge::new();
    let store = open_with(&bridge, &OPTIONS.replace("30000", "20")).await.unwrap();
    bridge.hang("get");
    let read = store.start_page("g");
    assert_eq!(bridge.running(), 1);
    assert_refused(&rejection(read).await, "UNAVAILABLE", "memory");
    assert_eq!(bridge.running(), 0);
    bridge.heal("get");
    bridge.set_later(true);
    let started = bridge.started();
    store.append("g", &["a"]).await.unwrap();
    assert!(bridge.started() > started);
    assert_eq!(bridge.running(), 0);
}

#[wasm_bindgen_test]
async fn a_write_is_taken_back_before_it_is_handed_over() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    let write = store.start("g", &["a"], 5.0);
    store.engine.cancel(4.0);
    store.engine.cancel(5.0);
    assert_eq!(text(&rejection(write).await, "code"), "ABORTED");
    bridge.set_later(true);
    let write = store.start("g", &["b"], 6.0);
    turn().await;
    store.engine.cancel(6.0);
    assert_eq!(settled(write).await.unwrap().unchecked_into::<Float64Array>().get_index(2), 1.0);
}

#[wasm_bindgen_test]
async fn waits_end_with_a_write_a_hint_a_timer_or_a_tag() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    let epoch = store.engine.epoch();
    let [of_space, of_any] = ["s", ""].map(|space| store.engine.wait(space, epoch, -1.0, 1.0));
    store.append("g", &["a"]).await.unwrap();
    settled(of_space).await.unwrap();
    settled(of_any).await.unwrap();
    assert!(store.engine.epoch() > epoch);
    settled(store.engine.wait("", epoch, -1.0, 1.0)).await.unwrap();
    settled(store.engine.wait("other", epoch, 0.5, 1.0)).await.unwrap();
    let epoch = store.engine.epoch();
    let wait = store.engine.wait("", epoch, -1.0, 1.0);
    store.engine.hint();
    settled(wait).await.unwrap();
    let epoch = store.engine.epoch();
    settled(store.engine.wait("", epoch, 0.5, 1.0)).await.unwrap();
    assert_eq!(store.engine.epoch(), epoch);
    let wait = store.engine.wait("", epoch, 60_000.0, 9.0);
    store.engine.cancel(9.0);
    assert_eq!(text(&rejection(wait).await, "code"), "ABORTED");
    assert_eq!(bridge.running(), 0);
}

#[wasm_bindgen_test]
async fn closing_ends_waits_and_settles_writes() {
    let bridge = MemoryBridge::new();
    bridge.set_later(true);
    let store = open(&bridge).await;
    let wait = store.engine.wait("", store.engine.epoch(), -1.0, 0.0);
    let write = store.start("g", &["a"], 0.0);
    let closed = store.engine.close();
    assert_eq!(text(&rejection(wait).await, "code"), "CLOSED");
    settled(write).await.unwrap();
    settled(closed).await.unwrap();
    assert_eq!(text(&store.append("g", &["b"]).await.unwrap_err(), "code"), "CLOSED");
    settled(store.engine.close()).await.unwrap();
    assert_eq!(bridge.running(), 0);
}

#[wasm_bindgen_test]
async fn steps_do_not_overlap_and_operations_end() {
    let bridge = MemoryBridge::new();
    let store = open(&bridge).await;
    for _ in 0..20 {
        store.append("g", &["alpha"]).await.unwrap();
    }
    bridge.set_later(true);
    let exporter = store.engine.exporter(None);
    let first = exporter.next();
    assert_refused(&rejection(exporter.next()).await, "INVALID_ARGUMENT", "exporter: ");
    let mut export = bytes(settled(first).await.unwrap());
    loop {
        let chunk = settled(exporter.next()).await.unwrap();
        if chunk.is_undefined() {
            break;
        }
        export.extend(bytes(chunk));
    }
    assert_eq!(exporter.done(), 20.0);

    let other = open(&MemoryBridge::new()).await;
    let importer = other.engine.importer();
    for part in export.chunks(100) {
        settled(importer.push(part)).await.unwrap();
    }
    let report = settled(importer.finish()).await.unwrap();
    assert_eq!(field(&report, "entries"), 20.0);
    assert_refused(&rejection(importer.push(&[1])).await, "INVALID_ARGUMENT", "importer: is finished");
    assert_refused(&rejection(importer.finish()).await, "INVALID_ARGUMENT", "importer: is finished");
    assert_eq!(count(&other.page("g").await.unwrap(), "alpha"), 20);

    let compactor = store.engine.compactor(None);
    let step = compactor.step();
    assert_refused(&compactor.report().unwrap_err(), "INVALID_ARGUMENT", "compactor: ");
    assert_refused(&rejection(compactor.step()).await, "INVALID_ARGUMENT", "compactor: ");
    let mut more = settled(step).await.unwrap() == true;
    while more {
        more = settled(compactor.step()).await.unwrap() == true;
    }
    let report = compactor.report().unwrap();
    assert!(field(&report, "blocksAfter").as_f64() < field(&report, "blocksBefore").as_f64());

    let verifier = store.engine.verifier();
    while settled(verifier.step()).await.unwrap() == true {}
    let report = verifier.report().unwrap();
    assert_eq!(field(&report, "entries"), 20.0);
    assert_eq!(field(&field(&report, "problems"), "length"), 0.0);

    // Freed while a step is under way: the step goes on and nothing breaks.
    let verifier = store.engine.verifier();
    let step = verifier.step();
    verifier.free();
    settled(step).await.unwrap();
}

#[wasm_bindgen_test]
async fn health_says_what_a_host_cannot_promise() {
    let bridge = MemoryBridge::new();
    let health = settled(open(&bridge).await.engine.health()).await.unwrap();
    assert_eq!(field(&health, "pendingTransactions"), 0.0);
    assert_eq!(field(&field(&health, "warnings"), "length"), 0.0);
}

#[wasm_bindgen_test]
async fn without_a_panic_there_is_no_message() {
    open(&MemoryBridge::new()).await;
    assert_eq!(panic_message(), None);
}
