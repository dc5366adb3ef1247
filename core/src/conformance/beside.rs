//! What reads show of what is written beside them.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use futures_util::future::{join, join_all};

use super::rows::{all, both_ways, change, get, put, read, row, same, scan};
use super::setting::{
    Case, Outcome, Setting, Stop, cases, ensure, needs_batches, needs_consistency, needs_quick_commits, turn,
};
use super::values::largest;
use crate::kv::{Bytes, Kv, ScanRange, SplitMix64};

pub(super) const CASES: &[Case] = cases![
    "one get is one snapshot" => snapshot,
    "one get is one snapshot, whichever instance writes" => snapshot_of_others,
    "keys and values of a scan belong together, whatever is written meanwhile" => pairs,
    "a large value is read whole, whatever is written meanwhile" => whole_values,
    "rows that nobody writes are in every page, whatever is written beside them" => untouched_rows,
    "a read that begins after a commit sees it, whatever is still under way" => latest,
];

/// Writes and, while that goes on, looks, so many times at once; each look is told which of them it is.
pub(super) async fn meanwhile(
    write: impl Future<Output = Outcome>,
    lookers: u64,
    look: impl AsyncFn(u64) -> Outcome,
) -> Outcome {
    let writing = Cell::new(true);
    let write = async {
        let outcome = write.await;
        writing.set(false);
        outcome
    };
    // Not in step with the writing, nor with each other.
    let looking = async |which| {
        let mut random = SplitMix64::new(which);
        while writing.get() {
            look(which).await?;
            for _ in 0..=random.below(3) {
                turn().await;
            }
        }
        Ok(())
    };
    let (written, looked) = join(write, join_all((0..lookers).map(looking))).await;
    looked.into_iter().fold(written, Result::and)
}

/// That rows which are written together are read so, be they asked for alone or among many, there or not.
async fn snapshots(writer: &dyn Kv, reader: &dyn Kv) -> Outcome {
    put(writer, &[("a", "0"), ("odd", "0"), ("z", "0")]).await?;
    let write = async {
        for i in 1..=20 {
            let (goes, comes) = if i % 2 == 0 { ("even", "odd") } else { ("odd", "even") };
            let value = i.to_string();
            let batch = change().delete(goes).put("a", &value).put(comes, &value).put("z", &value);
            batch.applied(writer).await?;
            turn().await;
        }
        Ok(())
    };
    let many: Vec<String> = (0..146).map(|i| format!("k{i}")).collect();
    let look = async |which| {
        let mut asked = vec!["a", "odd"];
        if which == 2 {
            asked.extend(many.iter().map(String::as_str));
        }
        asked.extend(["even", "z"]);
        if which == 1 {
            asked.reverse();
        }
        let found = get(reader, &asked).await?;
        let value_of = |name| {
            let place = asked.iter().position(|asked| *asked == name);
            place.and_then(|place| found.get(place)?.as_deref())
        };
        let (a, even, odd) = (value_of("a"), value_of("even"), value_of("odd"));
        let count = asked.len();
        same(
            value_of("z"),
            a,
            format_args!("a get of {count} keys: a row that is always written with another"),
        )?;
        ensure!(
            even.is_none() || odd.is_none(),
            "a get of {count} keys: a row is still there though another took its place"
        );
        same(even.or(odd), a, format_args!("a get of {count} keys: a row that takes the place of another"))
    };
    meanwhile(write, 3, look).await
}

async fn snapshot(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    needs_consistency(host.limits())?;
    snapshots(host, host).await
}

async fn snapshot_of_others(mut setting: Setting<'_>) -> Outcome {
    needs_batches(setting.host.limits())?;
    needs_consistency(setting.host.limits())?;
    let writer = setting.second().await?;
    let reader = Rc::clone(&setting.host);
    snapshots(&*writer, &*reader).await
}

async fn pairs(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_quick_commits(host.limits())?;
    let names = ["a", "b", "c", "d", "e", "f"];
    put(host, &names.map(|name| (name, name))).await?;
    let write = async {
        for (i, name) in names.into_iter().cycle().step_by(5).take(24).enumerate() {
            let batch = if i % 2 == 0 { change().delete(name) } else { change().put(name, name) };
            batch.applied(host).await?;
            turn().await;
        }
        Ok(())
    };
    let look = async |which| {
        for (key, value) in scan(host, ScanRange { reverse: which == 1, ..all() }).await?.pairs {
            ensure!(
                !value.is_empty() && key.ends_with(&value),
                "{key:?} has the value {value:?} of another key"
            );
        }
        Ok(())
    };
    meanwhile(write, 2, look).await
}

// Storages of small rows keep large ones in pieces, or elsewhere.
async fn whole_values(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_quick_commits(host.limits())?;
    needs_consistency(host.limits())?;
    let most = largest(host.limits()).min(200_000);
    let value = |byte: u8| vec![byte; if byte.is_multiple_of(2) { most } else { most / 2 }];
    let written = |found: Option<&[u8]>, call: &str| {
        let Some(first) = found.and_then(<[u8]>::first) else {
            return Err(Stop::Failed(format!("{call}: there is no value, though the row is always there")));
        };
        same(found, Some(&value(*first)), format_args!("{call}: a value, as one of those that were written"))
    };
    put(host, &[("a", value(1))]).await?;
    let write = async {
        for byte in 2..=9 {
            put(host, &[("a", value(byte))]).await?;
            turn().await;
        }
        Ok(())
    };
    let look = async |which| {
        if which == 0 {
            return written(read(host, "a").await?.as_deref(), "get");
        }
        let page = scan(host, ScanRange { limit: 1, ..all() }).await?;
        written(page.pairs.first().map(|(_, value)| value.as_slice()), "scan")
    };
    meanwhile(write, 2, look).await
}

// Rows that go or come make a difference to where the others are, as storages count that.
async fn untouched_rows(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_batches(host.limits())?;
    needs_consistency(host.limits())?;
    let names: Vec<String> = (0..240).map(|i| format!("k{i:03}")).collect();
    let (others, untouched): (Vec<&String>, Vec<&String>) =
        names.iter().partition(|name| name.as_str() < "k020" && name.ends_with(['0', '2', '4', '6', '8']));
    put(host, &names.iter().map(|name| (name, name)).collect::<Vec<_>>()).await?;
    let write = async {
        for i in 0..6 {
            let batch = others.iter().fold(change(), |batch, name| {
                if i % 2 == 0 { batch.delete(name) } else { batch.put(name, name) }
            });
            batch.applied(host).await?;
            turn().await;
        }
        Ok(())
    };
    let untouched: Vec<Bytes> = untouched.iter().map(row).collect();
    let others: Vec<Bytes> = others.iter().map(row).collect();
    let orders = both_ways(&untouched);
    let look = async |which| {
        let Some((reverse, expected)) = orders.get(usize::from(which == 1)) else { return Ok(()) };
        let page = scan(host, ScanRange { reverse: *reverse, limit: 1000, ..all() }).await?;
        let found = page.pairs.iter().map(|(key, _)| key).filter(|key| !others.contains(key));
        let count = found.clone().count();
        ensure!(
            found.eq(expected),
            "reverse {reverse}: expected the {} rows that nobody writes, each once, in order, got {count}",
            expected.len()
        );
        Ok(())
    };
    meanwhile(write, 2, look).await
}

async fn latest(setting: Setting<'_>) -> Outcome {
    let host = &*setting.host;
    needs_consistency(host.limits())?;
    put(host, &[("a", "0")]).await?;
    let sees = async |value: &str, when: &str| {
        let expected = Some(value.as_bytes());
        let found = read(host, "a").await?;
        same(found.as_deref(), expected, format_args!("get, {when} reads that began before the commit"))?;
        let page = scan(host, ScanRange { limit: 1, ..all() }).await?;
        let found = page.pairs.first().map(|(_, value)| value.as_slice());
        same(found, expected, format_args!("scan, {when} reads that began before the commit"))
    };
    for value in ["22", "1", "", "3"] {
        let keys = ["a"];
        let earlier = join(get(host, &keys), scan(host, ScanRange { limit: 1, ..all() }));
        let later = async {
            put(host, &[("a", value)]).await?;
            // What the earlier ones found must not be remembered either, though nobody read the row anew.
            if value.len() == 1 { sees(value, "during").await } else { Ok(()) }
        };
        // The first of them is polled first.
        let ((found, page), seen) = join(earlier, later).await;
        found.and(page.map(drop)).and(seen)?;
        sees(value, "after").await?;
    }
    Ok(())
}
