//! Planning merges: which neighbouring rows become one.

use alloc::vec::Vec;

use super::Sizes;

/// What merging needs to know of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeSize {
    /// Bytes of its runs, uncompressed.
    pub(crate) body: usize,
    /// It would be rewritten even alone: it is raw, and compressing it is asked for.
    pub(crate) rewrite: bool,
    /// It could not be read, and stands between its neighbours.
    pub(crate) damaged: bool,
    /// It does not begin where the row before it ends: what lay between is trimmed, or lost. Joined to that one it would
    /// claim what it does not hold.
    pub(crate) apart: bool,
}

/// Neighbours that become one row: positions `start .. end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MergeGroup {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Groups of neighbours that fit one row, and from which position on the rows must be looked at
/// again together with those that follow. `more`: there are such.
pub(crate) fn plan_merges(rows: &[MergeSize], more: bool, sizes: &Sizes) -> (Vec<MergeGroup>, usize) {
    let mut groups = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    let mut close = |start: usize, end: usize| {
        let worth = match rows.get(start..end) {
            None | Some([]) => false,
            Some([one]) => one.rewrite,
            Some(_) => true,
        };
        if worth {
            groups.push(MergeGroup { start, end });
        }
    };
    for (position, row) in rows.iter().enumerate() {
        if row.damaged {
            close(start, position);
            start = position + 1;
            bytes = 0;
        } else if row.apart || bytes + row.body > sizes.merged_bytes {
            close(start, position);
            start = position;
            bytes = row.body;
        } else {
            bytes += row.body;
        }
    }
    // The last group is left open for what follows, unless it is all that was looked at.
    if more && start > 0 {
        return (groups, start);
    }
    close(start, rows.len());
    (groups, rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::HostLimits;
    use proptest::prelude::*;

    fn sizes() -> Sizes {
        Sizes::new(&HostLimits { block_bytes: 4096, ..HostLimits::default() }).expect("supported")
    }

    proptest! {
        #[test]
        fn groups_are_apart_fit_a_row_and_leave_out_what_is_damaged_or_missing(
            bodies in proptest::collection::vec(
                (1_usize..6000, any::<bool>(), prop::bool::weighted(0.1), prop::bool::weighted(0.1)),
                0..60,
            ),
            more in any::<bool>(),
        ) {
            let rows: Vec<MergeSize> = bodies
                .iter()
                .map(|(body, rewrite, damaged, apart)| MergeSize {
                    body: *body,
                    rewrite: *rewrite,
                    damaged: *damaged,
                    apart: *apart,
                })
                .collect();
            let (groups, next) = plan_merges(&rows, more, &sizes());
            let mut before = 0;
            for group in groups {
                prop_assert!(group.start >= before && group.end > group.start && group.end <= next);
                before = group.end;
                let inside = &rows[group.start..group.end];
                prop_assert!(inside.iter().all(|row| !row.damaged));
                prop_assert!(inside.iter().skip(1).all(|row| !row.apart));
                let total: usize = inside.iter().map(|row| row.body).sum();
                prop_assert!(inside.len() == 1 || total <= sizes().merged_bytes);
            }
            prop_assert!(next <= rows.len());
            prop_assert!(more || next == rows.len());
            prop_assert!(rows.is_empty() || next > 0, "every look makes progress");
        }
    }
}
