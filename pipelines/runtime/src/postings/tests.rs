//! Against plain sets, over restarts.

use super::*;
use crate::stored::Stored;
use std::collections::{BTreeMap, BTreeSet};

const PAGES: Space = Space("pages");
const LISTS: Space = Space("lists");

type Sets = BTreeMap<u64, BTreeSet<u64>>;

fn open(stored: &Arc<Stored>, limits: PostingLimits) -> PostingIndex {
    PostingIndex::open(PAGES, LISTS, Arc::<Stored>::clone(stored), limits).unwrap()
}

/// A stream of numbers below what is asked (Knuth's linear generator).
fn draws(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut dice = seed;
    move |below| {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % below
    }
}

/// As even as the hashes that come; few shards, so that runs grow.
const fn term(n: u64) -> u64 {
    (n % 3) << 55 | (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 12)
}

fn assert_same(index: &mut PostingIndex, sets: &Sets, terms: u64) {
    for term in (0..terms).map(term) {
        let expected: Vec<u64> = sets.get(&term).into_iter().flatten().copied().collect();
        let mut looked = Vec::new();
        index.look(term, 10, &mut looked, |number| number).unwrap();
        assert_eq!(
            looked,
            if expected.len() > 10 {
                vec![]
            } else {
                expected.clone()
            }
        );
        if term % 2 == 0 {
            index.keep_read();
        }
        assert_eq!(index.numbers(term).unwrap(), expected);
        assert_eq!(index.len(term).unwrap(), expected.len());
    }
    for max in [1, 5, 30] {
        let over = sets.values().filter(|set| set.len() > max).count() as u64;
        assert_eq!(index.count_over(max).unwrap(), over);
    }
}

/// Numbers come and go, one by one and many new ones at once, epochs end and are committed two epochs late, and the process
/// dies now and then with an epoch that was not committed: always what plain sets say.
#[test]
fn it_is_a_map_of_sets_whatever_is_in_memory_and_whatever_is_lost() {
    for seed in 0..12 {
        let mut draw = draws(seed);
        let mut limits = PostingLimits {
            changes_max: [0, 3 * SHARDS, 200 * SHARDS][usize::try_from(seed % 3).unwrap()],
            page_bytes_max: [1, 2_000, 1 << 20][usize::try_from(seed / 3 % 3).unwrap()],
            frequent_min: 20,
        };
        let terms = [20, 3_000][usize::try_from(seed % 2).unwrap()];
        let stored = Arc::new(Stored::default());
        let mut index = open(&stored, limits);
        let mut sets = Sets::new();
        let (mut late, mut durable) = (VecDeque::new(), Sets::new());
        for step in 0..30_000 {
            let (term, number) = (term(draw(terms)), draw(60));
            let changed = match draw(1000) {
                0..=3 => {
                    if late.len() == 2
                        && let Some((batch, then)) = late.pop_front()
                    {
                        stored.commit(&batch);
                        durable = then;
                    }
                    let mut batch = StateBatch::default();
                    index.flush(&mut batch).unwrap();
                    late.push_back((batch, sets.clone()));
                    continue;
                }
                4 => {
                    late.clear();
                    // With no room, with some, with enough by turns.
                    limits.changes_max = [0, 20, 200 * SHARDS][usize::try_from(draw(3)).unwrap()];
                    index = open(&stored, limits);
                    sets = durable.clone();
                    assert_same(&mut index, &sets, terms.min(50));
                    continue;
                }
                5..=24 => {
                    let mut pairs = Vec::new();
                    for _ in 0..40 {
                        let number = draw(60);
                        if sets.entry(term).or_default().insert(number) {
                            pairs.push((term, number));
                        }
                        let other = self::term(draw(terms));
                        if sets.entry(other).or_default().insert(number) {
                            pairs.push((other, number));
                        }
                    }
                    index.insert_new(&pairs).unwrap();
                    continue;
                }
                25..=699 => (
                    index.insert(term, number),
                    sets.entry(term).or_default().insert(number),
                ),
                _ => (
                    index.remove(term, number),
                    sets.get_mut(&term).is_some_and(|set| set.remove(&number)),
                ),
            };
            let len = sets.get(&term).map_or(0, BTreeSet::len);
            let (told, is_other) = (changed.0.unwrap(), changed.1);
            assert_eq!(told, Changed { is_other, len }, "seed {seed}, step {step}");
        }
        assert_same(&mut index, &sets, terms);
        late.iter().for_each(|(batch, _)| stored.commit(batch));
        let mut last = StateBatch::default();
        index.flush(&mut last).unwrap();
        stored.commit(&last);
        assert_same(&mut open(&stored, limits), &sets, terms);
    }
}

/// Lists go once all that they say is in pages, and runs stay few, however often the index is opened again.
#[test]
fn lists_are_deleted_and_runs_merged() {
    let limits = PostingLimits {
        changes_max: 40_000,
        page_bytes_max: 1 << 20,
        frequent_min: 100,
    };
    let stored = Arc::new(Stored::default());
    let mut index = open(&stored, limits);
    for number in 0..200_000_u64 {
        let term = (number / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        index.insert(term, number).unwrap();
        if number % 1_000 == 999 {
            let mut batch = StateBatch::default();
            index.flush(&mut batch).unwrap();
            stored.commit(&batch);
            if number % 7_000 == 6_999 {
                // It holds what it held: not also what lists say that is in pages.
                let held = index.held;
                index = open(&stored, limits);
                assert_eq!(index.held, held);
            }
            assert!(index.lists.len() < 3 * limits.changes_max / 1_000);
            let recent: usize = index.shards.iter().map(|shard| shard.recent.len()).sum();
            assert!(recent <= limits.changes_max);
            assert_eq!(
                index.shards.iter().any(|shard| !shard.runs.is_empty()),
                number >= limits.changes_max as u64
            );
            assert!(index.shards.iter().all(|shard| shard.runs.len() <= 4));
        }
    }
    let mut kept = 0;
    let count = &mut |_: &[u8], page: &[u8]| {
        kept += page.len() / PAIR_BYTES;
        ControlFlow::Continue(())
    };
    stored.scan(PAGES, &[], None, count).unwrap();
    // No page of a run that was merged is left.
    assert!(kept <= 200_000 + SHARDS * 8, "{kept}");
    assert!((0..100_000_u64).all(|n| index.len(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap() == 2));
}

#[test]
fn what_is_too_large_or_cut_off_is_refused() {
    let limits = PostingLimits {
        changes_max: 1,
        page_bytes_max: 1,
        frequent_min: 9,
    };
    let stored = Arc::new(Stored::default());
    let mut index = open(&stored, limits);
    assert!(index.insert(7, NUMBER_MAX + 1).is_err());
    assert!(index.insert(7, NUMBER_MAX).unwrap().is_other);
    let mut batch = StateBatch::default();
    index.flush(&mut batch).unwrap();
    stored.commit(&batch);
    assert_eq!(open(&stored, limits).numbers(7).unwrap(), [NUMBER_MAX]);
    for (space, key) in [
        (PAGES, PageKey::new(0, 0, 0).bytes()),
        (LISTS, 9_u64.to_be_bytes()),
    ] {
        let mut batch = StateBatch::default();
        batch.put(space, key, [0; PAIR_BYTES + 1]);
        stored.commit(&batch);
        let opened = PostingIndex::open(PAGES, LISTS, Arc::<Stored>::clone(&stored), limits);
        assert!(opened.and_then(|mut index| index.len(7)).is_err());
        batch = StateBatch::default();
        batch.delete(space, key);
        stored.commit(&batch);
    }
    let mut batch = StateBatch::default();
    batch.put(LISTS, [9], [0; PAIR_BYTES]);
    stored.commit(&batch);
    assert!(PostingIndex::open(PAGES, LISTS, stored, limits).is_err());
}
