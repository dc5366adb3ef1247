//! That the limits are sane, and kept to the byte.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::pages::TRIED_KEY_BYTES;
use super::rows::{Change, PREFIX_BYTES, all, change, gives, holds, put, read, rows_are, same, scan};
use super::setting::{Case, Outcome, Setting, Stop, cases, ensure, needs, needs_batches, needs_checks};
use crate::error::ErrorCode;
use crate::kv::{Bytes, HostLimits, Kv, ScanRange, SplitMix64};

pub(super) const CASES: &[Case] = cases![
    "limits are sane, and stay as they are" => sane,
    "a key of max_key_bytes is kept" => longest_key,
    "a key of one byte more is refused" => longer_key,
    "a value of max_value_bytes is kept" => longest_value,
    "a value of one byte more is refused" => longer_value,
    "a commit of max_batch_ops operations is applied" => most_operations,
    "a commit of one operation more is refused" => more_operations,
    "a commit of max_batch_bytes is applied" => most_bytes,
    "a commit of one byte more is refused" => more_bytes,
    "a check of a longer key is refused" => check_of_longer_key,
    "a check of a longer value is refused" => check_of_longer_value,
    "checks count as operations of a commit" => checks_as_operations,
    "checks count as bytes of a commit" => checks_as_bytes,
    "a commit whose last operation is beyond a limit leaves nothing" => last_beyond,
    "a commit whose last value is beyond a limit leaves nothing" => last_value_beyond,
];

/// Values and commits up to here are tried.
const TRIED_BYTES: usize = 64 << 20;
/// Commits of up to so many operations are tried.
const TRIED_OPERATIONS: usize = 100_000;

/// Bytes of the key of one row of many.
const NUMBERED_KEY_BYTES: usize = PREFIX_BYTES + 7;

fn numbered(number: usize) -> String {
    format!("k{number:06}")
}

/// Skips the case where the limit is more than is tried.
fn needs_at_most(what: &str, limit: usize, most: usize) -> Outcome {
    needs(limit <= most, &format!("{what} is {limit}: more than this suite tries"))
}

fn needs_room_for_keys(limits: &HostLimits) -> Outcome {
    needs_at_most("max_key_bytes", limits.max_key_bytes, TRIED_KEY_BYTES)?;
    needs(limits.max_key_bytes + 100 <= limits.max_batch_bytes, "max_batch_bytes is reached first")
}

fn needs_room_for_values(limits: &HostLimits) -> Outcome {
    needs_at_most("max_value_bytes", limits.max_value_bytes, TRIED_BYTES)?;
    needs(limits.max_value_bytes + 100 <= limits.max_batch_bytes, "max_batch_bytes is reached first")
}

fn needs_room_for_operations(limits: &HostLimits) -> Outcome {
    needs_batches(limits)?;
    needs_at_most("max_batch_ops", limits.max_batch_ops, TRIED_OPERATIONS)?;
    let least = (limits.max_batch_ops + 1).saturating_mul(NUMBERED_KEY_BYTES);
    needs(least <= limits.max_batch_bytes, "max_batch_bytes is reached first")
}

fn needs_room_for_bytes(limits: &HostLimits) -> Outcome {
    needs_batches(limits)?;
    needs_at_most("max_batch_bytes", limits.max_batch_bytes, TRIED_BYTES)?;
    // The last row may have to be split for its key, and a check may come to the rows.
    let rows = limits.max_batch_bytes.div_ceil(limits.max_value_bytes.max(1)).saturating_add(2);
    needs(rows <= limits.max_batch_ops, "max_batch_ops is reached first")
}

/// That the commit is refused as too large, and that nothing is there after it.
async fn too_large(host: &dyn Kv, batch: Change, left: &[&str], what: &str) -> Outcome {
    match batch.commit(host).await {
        Err(error) if error.code() == ErrorCode::LimitExceeded => {}
        Err(error) => {
            return Err(Stop::Failed(format!("{what}: must be refused with LIMIT_EXCEEDED, got {error}")));
        }
        Ok(answer) => {
            return Err(Stop::Failed(format!("{what}: must be refused with LIMIT_EXCEEDED, got {answer:?}")));
        }
    }
    rows_are(host, left, what).await
}

/// A value of so many bytes that is not the same everywhere, and becomes no smaller by compression.
fn large(size: usize) -> Bytes {
    let mut random = SplitMix64::new(4);
    core::iter::repeat_with(|| random.next_u64().to_le_bytes()).flatten().take(size).collect()
}

/// Puts whose keys and values come to just so many bytes, all of them within the other limits.
fn puts_of(limits: &HostLimits, bytes: usize) -> Change {
    let mut batch = change();
    let mut left = bytes;
    while left > 0 {
        let room = left.saturating_sub(NUMBERED_KEY_BYTES);
        let length = limits.max_value_bytes.min(room);
        // The last row must have room for its key.
        let rest = room - length;
        let length = if (1..NUMBERED_KEY_BYTES).contains(&rest) {
            length.saturating_sub(NUMBERED_KEY_BYTES)
        } else {
            length
        };
        let key = numbered(batch.0.puts.len());
        batch = batch.put(key, vec![1; length]);
        left = room - length;
    }
    batch
}

async fn sane(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let limits = host.limits().clone();
    ensure!(!host.name().is_empty(), "the name must not be empty");
    let HostLimits { max_key_bytes, max_value_bytes, max_batch_ops, max_batch_bytes, block_bytes, .. } =
        limits;
    ensure!(max_key_bytes >= 280, "max_key_bytes is {max_key_bytes}: two names of 128 bytes need 280");
    ensure!(max_value_bytes >= 4096, "max_value_bytes is {max_value_bytes}: must be at least 4096");
    ensure!(block_bytes >= 1, "block_bytes must be at least 1");
    ensure!(block_bytes <= max_value_bytes, "block_bytes is {block_bytes}: above max_value_bytes");
    if needs_batches(&limits).is_ok() {
        ensure!(
            max_batch_ops >= 16,
            "max_batch_ops is {max_batch_ops}: a commit of one record needs up to 16"
        );
        ensure!(max_batch_bytes >= 16 << 10, "max_batch_bytes is {max_batch_bytes}: must be at least 16384");
    } else {
        // A check of the row counts as well.
        let ops = if limits.checks { 2 } else { 1 };
        ensure!(max_batch_ops >= ops, "max_batch_ops is {max_batch_ops}: must be at least {ops}");
        let bytes = max_key_bytes.saturating_add(4096);
        ensure!(max_batch_bytes >= bytes, "max_batch_bytes is {max_batch_bytes}: must be at least {bytes}");
    }
    put(host, &[("a", "1")]).await?;
    ensure!(*host.limits() == limits, "the limits have changed");
    Ok(())
}

async fn longest_key(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_room_for_keys(host.limits())?;
    // Storages of text take some bytes for more than one character.
    for byte in [0, b'k', 0xff] {
        let key = vec![byte; host.limits().max_key_bytes.saturating_sub(PREFIX_BYTES)];
        put(host, &[(&key, "1")]).await?;
        holds(host, &key, "1").await?;
        rows_are(host, &[&key], "scan").await?;
        change().delete(&key).applied(host).await?;
        rows_are::<&str>(host, &[], "after the delete").await?;
    }
    Ok(())
}

async fn longer_key(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_room_for_keys(host.limits())?;
    let key = vec![b'k'; (host.limits().max_key_bytes + 1).saturating_sub(PREFIX_BYTES)];
    too_large(host, change().put(&key, "1"), &[], "a put").await?;
    too_large(host, change().delete(&key), &[], "a delete").await
}

async fn longest_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_room_for_values(host.limits())?;
    let value = large(host.limits().max_value_bytes);
    put(host, &[("a", &value)]).await?;
    holds(host, "a", &value).await?;
    let page = scan(host, ScanRange { limit: 1, max_bytes: 1, ..all() }).await?;
    gives(&page, &["a"], false, "scan")?;
    same(page.pairs.first().map(|(_, value)| value.as_slice()), Some(&value), "the value that scan gives")
}

async fn longer_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_room_for_values(host.limits())?;
    too_large(host, change().put("a", vec![1; host.limits().max_value_bytes + 1]), &[], "a put").await
}

async fn most_operations(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let limits = host.limits();
    needs_room_for_operations(limits)?;
    // Deletes and puts count together, and checks at most as much.
    let mut batch = change().delete(numbered(limits.max_batch_ops));
    let mut puts = limits.max_batch_ops.saturating_sub(1);
    if limits.checks {
        batch = batch.absent("nothing");
        puts = puts.saturating_sub(1);
    }
    (0..puts).fold(batch, |batch, i| batch.put(numbered(i), "")).applied(host).await?;
    let (mut count, mut range) = (0, ScanRange { limit: 1000, keys_only: true, ..all() });
    loop {
        let page = scan(host, range.clone()).await?;
        count += page.pairs.len();
        ensure!(count <= puts, "expected {puts} rows, got more");
        let Some((mut last, _)) = page.pairs.into_iter().next_back().filter(|_| page.more) else { break };
        last.push(0);
        range.start = last;
    }
    ensure!(count == puts, "expected {puts} rows, got {count}");
    Ok(())
}

async fn more_operations(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let most = host.limits().max_batch_ops;
    needs_room_for_operations(host.limits())?;
    let puts = (0..most).fold(change(), |batch, i| batch.put(numbered(i), ""));
    too_large(host, puts.delete(numbered(most)), &[], "puts and a delete").await
}

async fn most_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    let limits = host.limits();
    needs_room_for_bytes(limits)?;
    let batch = puts_of(limits, limits.max_batch_bytes);
    let sizes: Vec<usize> = batch.0.puts.iter().map(|put| put.value.len()).collect();
    batch.applied(host).await?;
    for (number, size) in sizes.into_iter().enumerate() {
        let found = read(host, numbered(number)).await?.map(|value| value.len());
        ensure!(found == Some(size), "row {number}: expected {size} bytes, got {found:?}");
    }
    Ok(())
}

async fn more_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_room_for_bytes(host.limits())?;
    too_large(host, puts_of(host.limits(), host.limits().max_batch_bytes + 1), &[], "puts").await
}

async fn last_beyond(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    needs_room_for_keys(host.limits())?;
    let long = vec![b'z'; host.limits().max_key_bytes];
    too_large(host, change().put("a", "1").put(&long, "2"), &[], "a put after a put").await?;
    put(host, &[("a", "1")]).await?;
    too_large(host, change().delete("a").put(&long, "2"), &["a"], "a put after a delete").await?;
    holds(host, "a", "1").await?;
    too_large(host, change().delete("a").delete(&long), &["a"], "a delete after a delete").await?;
    holds(host, "a", "1").await
}

async fn last_value_beyond(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    needs_room_for_values(host.limits())?;
    put(host, &[("a", "1"), ("b", "1")]).await?;
    let batch = change().delete("b").put("a", "2").put("c", vec![1; host.limits().max_value_bytes + 1]);
    too_large(host, batch, &["a", "b"], "a put after others").await?;
    holds(host, "a", "1").await?;
    holds(host, "b", "1").await
}

async fn check_of_longer_key(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_room_for_keys(host.limits())?;
    let key = vec![b'k'; (host.limits().max_key_bytes + 1).saturating_sub(PREFIX_BYTES)];
    too_large(host, change().absent(&key), &[], "a check alone").await
}

async fn check_of_longer_value(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_room_for_values(host.limits())?;
    let value = vec![1; host.limits().max_value_bytes + 1];
    too_large(host, change().check("a", value), &[], "a check alone").await
}

async fn checks_as_operations(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_room_for_operations(host.limits())?;
    let puts = (0..host.limits().max_batch_ops).fold(change(), |batch, i| batch.put(numbered(i), ""));
    too_large(host, puts.absent("nothing"), &[], "puts and a check").await
}

async fn checks_as_bytes(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_checks(host.limits())?;
    needs_room_for_bytes(host.limits())?;
    let key = "nothing";
    let bytes = (host.limits().max_batch_bytes + 1).saturating_sub(PREFIX_BYTES + key.len());
    let puts = puts_of(host.limits(), bytes);
    too_large(host, puts.absent(key), &[], "puts and a check").await
}
