//! Maps and sets in the order of their keys, in little code: every pair of types has code of its own in
//! the engine, and `BTreeMap` has ten times as much of it.

use alloc::vec::{self, Vec};
use core::borrow::Borrow;
use core::cmp::Ordering;
use core::slice;

/// Most pairs of a chunk. What moves when one pair comes or goes is a chunk, or the list of chunks.
const CHUNK: usize = 32;

/// A map in the order of its keys: chunks of sorted pairs, none of them empty.
#[derive(Debug, Clone)]
pub(crate) struct SortedMap<K, V> {
    chunks: Vec<Vec<(K, V)>>,
}

/// Where a key is, or where it belongs.
struct Place {
    chunk: usize,
    at: usize,
    found: bool,
}

/// Pairs in the order of their keys, beside a key that is looked for. Not a closure, which brings more code of its own.
trait Beside {
    /// How the key of the pair at a position compares with the one that is looked for.
    fn order(&self, at: usize) -> Ordering;
}

/// The pairs of one chunk.
struct Pairs<'m, K, V, Q: ?Sized> {
    pairs: &'m [(K, V)],
    key: &'m Q,
}

impl<K: Borrow<Q>, V, Q: Ord + ?Sized> Beside for Pairs<'_, K, V, Q> {
    fn order(&self, at: usize) -> Ordering {
        self.pairs.get(at).map_or(Ordering::Greater, |(key, _)| key.borrow().cmp(self.key))
    }
}

/// The last pairs of chunks.
struct Lasts<'m, K, V, Q: ?Sized> {
    chunks: &'m [Vec<(K, V)>],
    key: &'m Q,
}

impl<K: Borrow<Q>, V, Q: Ord + ?Sized> Beside for Lasts<'_, K, V, Q> {
    fn order(&self, at: usize) -> Ordering {
        let last = self.chunks.get(at).and_then(|pairs| pairs.last());
        last.map_or(Ordering::Greater, |(key, _)| key.borrow().cmp(self.key))
    }
}

/// Where among so many the first one is that is not below the key, and whether it is the key. One function for all
/// types.
fn search(count: usize, beside: &dyn Beside) -> (usize, bool) {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from.midpoint(to);
        match beside.order(middle) {
            Ordering::Less => from = middle + 1,
            Ordering::Equal => return (middle, true),
            Ordering::Greater => to = middle,
        }
    }
    (from, false)
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> SortedMap<K, V> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Counts chunk by chunk.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.chunks.clear();
    }

    pub(crate) fn iter(&self) -> Iter<'_, K, V> {
        Iter { chunks: self.chunks.iter(), pairs: Default::default() }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V> SortedMap<K, V> {
    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Place
    where
        K: Borrow<Q>,
    {
        // What belongs after everything goes to the last chunk: where there is one, no key need be looked at for that.
        let chunk = match self.chunks.len() {
            0 | 1 => 0,
            several => search(several - 1, &Lasts { chunks: &self.chunks, key }).0,
        };
        let pairs = self.chunks.get(chunk).map(Vec::as_slice).unwrap_or_default();
        let (at, found) = search(pairs.len(), &Pairs { pairs, key });
        Place { chunk, at, found }
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        if !place.found {
            return None;
        }
        self.chunks.get(place.chunk)?.get(place.at).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        if !place.found {
            return None;
        }
        self.chunks.get_mut(place.chunk)?.get_mut(place.at).map(|(_, value)| value)
    }

    pub(crate) fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.place(key).found
    }

    /// The first pair whose key is not below `from`.
    pub(crate) fn first_from<Q: Ord + ?Sized>(&self, from: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
    {
        // Only where everything is below it is the place one past its chunk.
        let place = self.place(from);
        self.chunks.get(place.chunk)?.get(place.at).map(|(key, value)| (key, value))
    }

    fn put(&mut self, mut place: Place, pair: (K, V)) -> (usize, usize) {
        let full = self.chunks.get_mut(place.chunk).filter(|pairs| pairs.len() >= CHUNK);
        if let Some(pairs) = full {
            // What comes in order fills whole chunks.
            let half = if place.at == CHUNK { CHUNK } else { CHUNK / 2 };
            let rest = pairs.split_off(half);
            self.chunks.insert(place.chunk + 1, rest);
            if place.at >= half {
                place.chunk += 1;
                place.at -= half;
            }
        } else if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        if let Some(pairs) = self.chunks.get_mut(place.chunk) {
            pairs.insert(place.at, pair);
        }
        (place.chunk, place.at)
    }

    /// Gives the value that was there before.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = self.place(&key);
        if !place.found {
            self.put(place, (key, value));
            return None;
        }
        let known = self.chunks.get_mut(place.chunk)?.get_mut(place.at)?;
        Some(core::mem::replace(&mut known.1, value))
    }

    /// The position of a key's value, which is made where there is none.
    #[expect(clippy::expect_used, reason = "the value was found there, or has just been put there")]
    pub(crate) fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = self.place(&key);
        let (chunk, at) = if place.found { (place.chunk, place.at) } else { self.put(place, (key, make())) };
        let pair = self.chunks.get_mut(chunk).and_then(|pairs| pairs.get_mut(at));
        pair.map(|(_, value)| value).expect("a pair at its place")
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let place = self.place(key);
        let pairs = self.chunks.get_mut(place.chunk).filter(|_| place.found)?;
        let (_, value) = pairs.remove(place.at);
        if pairs.is_empty() {
            self.chunks.remove(place.chunk);
        }
        Some(value)
    }

    pub(crate) fn into_values(self) -> impl Iterator<Item = V> {
        self.into_iter().map(|(_, value)| value)
    }
}

impl<K, V> IntoIterator for SortedMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> Self::IntoIter {
        IntoIter { chunks: self.chunks.into_iter(), pairs: Vec::new().into_iter() }
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

/// The pairs in order. `Flatten` is four times as much code: it goes in both directions.
#[derive(Debug)]
pub(crate) struct Iter<'m, K, V> {
    chunks: slice::Iter<'m, Vec<(K, V)>>,
    pairs: slice::Iter<'m, (K, V)>,
}

impl<'m, K, V> Iterator for Iter<'m, K, V> {
    type Item = (&'m K, &'m V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.pairs.next() {
                return Some((key, value));
            }
            self.pairs = self.chunks.next()?.iter();
        }
    }
}

/// The same by value.
#[derive(Debug)]
pub(crate) struct IntoIter<K, V> {
    chunks: vec::IntoIter<Vec<(K, V)>>,
    pairs: vec::IntoIter<(K, V)>,
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(pair) = self.pairs.next() {
                return Some(pair);
            }
            self.pairs = self.chunks.next()?.into_iter();
        }
    }
}

/// A set in order.
#[derive(Debug, Clone)]
pub(crate) struct SortedSet<K> {
    map: SortedMap<K, ()>,
}

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> SortedSet<K> {
    pub(crate) const fn new() -> Self {
        Self { map: SortedMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> {
        self.map.iter().map(|(key, ())| key)
    }
}

impl<K: Ord> SortedSet<K> {
    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.map.contains_key(key)
    }

    /// Whether it is new.
    pub(crate) fn insert(&mut self, key: K) -> bool {
        self.map.insert(key, ()).is_none()
    }

    /// Whether it was there.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.map.remove(key).is_some()
    }
}

impl<K> IntoIterator for SortedSet<K> {
    type Item = K;
    type IntoIter = core::iter::Map<<SortedMap<K, ()> as IntoIterator>::IntoIter, fn((K, ())) -> K>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_iter().map(|(key, ())| key)
    }
}

impl<K: Ord> Extend<K> for SortedSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        for key in keys {
            self.insert(key);
        }
    }
}

impl<K: Ord> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut set = Self::new();
        set.extend(keys);
        set
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u16),
        InsertNext,
        Get(u16),
        Make(u16),
        Remove(u16),
        RemoveFirst,
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (0_u16..600).prop_map(Step::Insert),
            6 => Just(Step::InsertNext),
            3 => (0_u16..600).prop_map(Step::Make),
            3 => (0_u16..600).prop_map(Step::Get),
            4 => (0_u16..600).prop_map(Step::Remove),
            2 => Just(Step::RemoveFirst),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        #[test]
        fn it_is_a_tree_map(steps in proptest::collection::vec(step(), 0..800), clears: bool) {
            let mut map = SortedMap::new();
            let mut model = BTreeMap::new();
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Insert(key) => prop_assert_eq!(map.insert(key, n), model.insert(key, n)),
                    Step::InsertNext => {
                        let next = model.last_key_value().map_or(0, |(key, _)| key + 1);
                        prop_assert_eq!(map.insert(next, n), model.insert(next, n));
                    }
                    Step::Get(key) => {
                        prop_assert_eq!(map.get(&key), model.get(&key));
                        prop_assert_eq!(map.contains_key(&key), model.contains_key(&key));
                        prop_assert_eq!(map.first_from(&key), model.range(key..).next());
                        if let Some(value) = map.get_mut(&key) {
                            *value += 1;
                        }
                        model.entry(key).and_modify(|value| *value += 1);
                    }
                    Step::Make(key) => {
                        prop_assert_eq!(map.get_or_insert_with(key, || n), model.entry(key).or_insert(n));
                    }
                    Step::Remove(key) => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    Step::RemoveFirst => {
                        if let Some((key, value)) = model.pop_first() {
                            prop_assert_eq!(map.remove(&key), Some(value));
                        }
                    }
                    Step::Clear if clears => {
                        map.clear();
                        model.clear();
                    }
                    Step::Clear => {}
                }
                prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
                prop_assert!(map.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= CHUNK));
            }
            prop_assert!(map.iter().eq(&model));
            prop_assert!(map.values().eq(model.values()));
            prop_assert!(map.into_iter().eq(model));
        }
    }

    #[test]
    fn what_comes_in_order_fills_whole_chunks() {
        let set: SortedSet<usize> = (0..100 * CHUNK).collect();
        assert_eq!(set.map.chunks.len(), 100);
        assert!(set.iter().copied().eq(0..100 * CHUNK));
    }
}
