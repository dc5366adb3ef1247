//! Which consumer a slot belongs to, in groups by key.

use alloc::vec::Vec;

use crate::streams::wyhash;

/// The session that each slot belongs to, of these sessions and their consumers: so that every one has
/// as many slots as any other, give or take one, and that few slots move when one joins or leaves.
///
/// Every slot, in order, goes to the consumer that weighs most for it and has room; a consumer's weight
/// is a hash of its name and the slot. Part of the format: all instances must agree.
pub(crate) fn assign(members: &[(u64, &str)], slots: u64) -> Vec<u64> {
    let count = members.len() as u64;
    if count == 0 {
        return Vec::new();
    }
    let least = slots / count;
    let mut extra = slots % count;
    let mut loads: Vec<(u64, u64, u64)> =
        members.iter().map(|(session, name)| (*session, wyhash(0, name.as_bytes()), 0)).collect();
    let mut owners = Vec::new();
    for slot in 0..slots {
        let heaviest = loads
            .iter_mut()
            .filter(|(_, _, load)| *load < least || *load == least && extra > 0)
            .max_by_key(|(session, name, _)| (mix(*name ^ mix(slot)), *session));
        let Some((session, _, load)) = heaviest else {
            break;
        };
        if *load == least {
            extra -= 1;
        }
        *load += 1;
        owners.push(*session);
    }
    owners
}

/// The finalizer of `SplitMix64`.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn everybody_has_as_much_as_any_other(names in prop::collection::btree_set("[a-z]{1,5}", 1..9), slots in 1_u64..300) {
            let members: Vec<(u64, &str)> = names.iter().enumerate().map(|(n, name)| (n as u64 + 1, &**name)).collect();
            let owners = assign(&members, slots);
            prop_assert_eq!(owners.len() as u64, slots);
            let load = |session: u64| owners.iter().filter(|owner| **owner == session).count() as u64;
            for (session, _) in &members {
                let least = slots / members.len() as u64;
                prop_assert!(load(*session) == least || load(*session) == least + 1);
            }
        }
    }

    #[test]
    fn few_slots_move_when_one_joins() {
        let names = ["a", "b", "c", "d", "e"];
        let members: Vec<(u64, &str)> =
            names.iter().enumerate().map(|(n, name)| (n as u64 + 1, *name)).collect();
        let (four, five) = (assign(&members[..4], 256), assign(&members, 256));
        let moved = four.iter().zip(&five).filter(|(one, two)| one != two).count();
        assert!(moved < 256 / 5 + 50, "{moved} moved");
    }

    #[test]
    fn nobody_owns_slots_of_an_empty_group() {
        assert!(assign(&[], 5).is_empty());
    }
}
