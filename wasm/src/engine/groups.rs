//! Consumer groups of streams.

use alloc::string::String;
use alloc::vec::Vec;

use js_sys::Promise;
use streamkit_core::{
    EntryId, Error, Group, GroupMode, GroupOptions, GroupRead, GroupStart, PendingRead, Result,
};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{Engine, copied_out, page_out};
use crate::group_frames::{write_group, write_marks, write_pending};
use crate::numbers::{integer, integer_unless_negative, integer_unless_zero, number};
use crate::promise::{promise, promise_or_refusal};

fn ids(numbers: &[f64]) -> Result<Vec<EntryId>> {
    let pairs = numbers.chunks(2).map(|pair| match pair {
        [ms, n] => Ok(EntryId { ms: integer("ids", *ms)?, n: integer("ids", *n)? }),
        _ => Err(Error::invalid("ids: must be pairs of numbers")),
    });
    pairs.collect()
}

fn mode(mode: f64) -> Result<GroupMode> {
    match integer("mode", mode)? {
        0 => Ok(GroupMode::Shared),
        1 => Ok(GroupMode::Exclusive),
        2 => Ok(GroupMode::KeyShared),
        _ => Err(Error::invalid("mode: must be from 0 to 2")),
    }
}

fn start(ms: f64, n: f64) -> Result<GroupStart> {
    if ms < 0.0 {
        return Ok(GroupStart::End);
    }
    let id = EntryId { ms: integer("start", ms)?, n: integer("start", n)? };
    Ok(if id == EntryId::ZERO { GroupStart::Beginning } else { GroupStart::At(id) })
}

impl Engine {
    fn group(&self, stream: &str, name: &str, tag: f64) -> Result<Group> {
        Ok(self.store.group(stream, name).tagged(integer("tag", tag)?))
    }
}

#[wasm_bindgen]
impl Engine {
    /// Creates a group. `mode`: 0 shared, 1 exclusive, 2 by key; `start_ms`: -1 for the end;
    /// `max_standbys`: -1 for any number. Gives it as it stands.
    #[wasm_bindgen(js_name = groupCreate, unchecked_return_type = "Promise<Uint8Array>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn group_create(
        &self,
        stream: &str,
        group: &str,
        mode_number: f64,
        start_ms: f64,
        start_n: f64,
        ack_timeout: f64,
        max_deliver: f64,
        consumer_timeout: f64,
        max_standbys: f64,
        slots: f64,
        dead_letter_stream: Option<String>,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let options = GroupOptions {
                mode: mode(mode_number)?,
                start: start(start_ms, start_n)?,
                ack_timeout: integer("ackTimeout", ack_timeout)?,
                max_deliver: integer("maxDeliver", max_deliver)?,
                consumer_timeout: integer("consumerTimeout", consumer_timeout)?,
                max_standbys: integer_unless_negative("maxStandbys", max_standbys)?,
                slots: integer("slots", slots)?,
                dead_letter_stream,
            };
            Ok((self.group(stream, group, tag)?, options))
        };
        promise_or_refusal(arguments().map(|(group, options)| async move {
            Ok(copied_out(&write_group(&group.create(&options).await?)))
        }))
    }

    /// Deletes a group.
    #[wasm_bindgen(js_name = groupDelete, unchecked_return_type = "Promise<void>")]
    pub fn group_delete(&self, stream: &str, group: &str, tag: f64) -> Promise {
        promise_or_refusal(
            self.group(stream, group, tag)
                .map(|group| async move { group.delete().await.map(|()| JsValue::UNDEFINED) }),
        )
    }

    /// Joins a consumer.
    #[wasm_bindgen(js_name = groupJoin, unchecked_return_type = "Promise<void>")]
    pub fn group_join(&self, stream: &str, group: &str, consumer: String, tag: f64) -> Promise {
        promise_or_refusal(
            self.group(stream, group, tag)
                .map(|group| async move { group.join(&consumer).await.map(|()| JsValue::UNDEFINED) }),
        )
    }

    /// Ends a consumer's session.
    #[wasm_bindgen(js_name = groupLeave, unchecked_return_type = "Promise<void>")]
    pub fn group_leave(&self, stream: &str, group: &str, consumer: String, tag: f64) -> Promise {
        promise_or_refusal(
            self.group(stream, group, tag)
                .map(|group| async move { group.leave(&consumer).await.map(|()| JsValue::UNDEFINED) }),
        )
    }

    /// One step of a read as a consumer. `first`: of a read that waits, the first.
    #[wasm_bindgen(js_name = groupRead, unchecked_return_type = "Promise<Uint8Array | Uint8Array[]>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn group_read(
        &self,
        stream: &str,
        group: &str,
        consumer: String,
        limit: f64,
        no_ack: bool,
        first: bool,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let read = GroupRead { limit: integer("limit", limit)?, block: None, no_ack };
            Ok((self.group(stream, group, tag)?, read))
        };
        promise_or_refusal(arguments().map(|(group, read)| async move {
            let (got, next) = group.read_once(&consumer, read, first).await?;
            Ok(page_out(&write_marks(&got, next), &got.page))
        }))
    }

    /// Settles records by pairs of milliseconds and n: `kind` 0 acknowledges, 1 gives back after `ms`, 2
    /// asks for `ms` more. Gives how many were pending for the consumer.
    #[wasm_bindgen(js_name = groupSettle, unchecked_return_type = "Promise<number>")]
    #[expect(clippy::too_many_arguments, reason = "a call passes no objects: they cost more")]
    pub fn group_settle(
        &self,
        stream: &str,
        group: &str,
        consumer: String,
        id_numbers: &[f64],
        kind: f64,
        ms: f64,
        tag: f64,
    ) -> Promise {
        let arguments = || {
            let kind = integer("kind", kind)?;
            if kind > 2 {
                return Err(Error::invalid("kind: must be from 0 to 2"));
            }
            let ms = integer(if kind == 1 { "delay" } else { "extend" }, ms)?;
            Ok((self.group(stream, group, tag)?, ids(id_numbers)?, kind, ms))
        };
        promise_or_refusal(arguments().map(|(group, ids, kind, ms)| async move {
            let count = match kind {
                0 => group.ack(&consumer, &ids).await?,
                1 => group.nack(&consumer, &ids, ms).await?,
                _ => group.touch(&consumer, &ids, ms).await?,
            };
            Ok(number(count).into())
        }))
    }

    /// Records that are pending, of one consumer or of all, after an id.
    #[wasm_bindgen(js_name = groupPending, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn group_pending(
        &self,
        stream: &str,
        group: &str,
        consumer: Option<String>,
        limit: f64,
        after_ms: f64,
        after_n: f64,
    ) -> Promise {
        let arguments = || {
            let after = EntryId { ms: integer("after", after_ms)?, n: integer("after", after_n)? };
            let read = PendingRead { consumer, limit: integer("limit", limit)?, after };
            Ok((self.store.group(stream, group), read))
        };
        promise_or_refusal(
            arguments().map(|(group, read)| async move {
                Ok(copied_out(&write_pending(&group.pending(&read).await?)))
            }),
        )
    }

    /// Puts dead letters back; `limit`: 0 for all. Gives how many.
    #[wasm_bindgen(js_name = groupReplay, unchecked_return_type = "Promise<number>")]
    pub fn group_replay(&self, stream: &str, group: &str, limit: f64, tag: f64) -> Promise {
        let arguments = || Ok((self.group(stream, group, tag)?, integer_unless_zero("limit", limit)?));
        promise_or_refusal(
            arguments().map(|(group, limit)| async move { Ok(number(group.replay(limit).await?).into()) }),
        )
    }

    /// What is known of a group.
    #[wasm_bindgen(js_name = groupInfo, unchecked_return_type = "Promise<Uint8Array>")]
    pub fn group_info(&self, stream: &str, group: &str) -> Promise {
        let group = self.store.group(stream, group);
        promise(async move { Ok(copied_out(&write_group(&group.info().await?))) })
    }
}
