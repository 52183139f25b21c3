//! The pairs training looks at: random ones for strangers, those that meet in blocks for everything else.

use super::count;
use crate::pair_kind::PairKind;
use crate::score::{PairLevels, Scorer};
use panorama_standardize::StandardPerson;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Random pairs for u. Fewer leave rare agreements unseen, more only cost time.
const RANDOM_PAIRS: usize = 400_000;
/// Blocked pairs for EM: bounds time and memory on large data.
const BLOCKED_PAIRS_MAX: usize = 500_000;

/// How the levels fall for random pairs.
pub(super) struct Random {
    /// Pairs drawn that have the comparison, by comparison and level.
    pub(super) counts: Vec<Vec<f64>>,
    /// Probability of each level.
    pub(super) shares: Vec<Vec<f64>>,
    /// Pairs drawn.
    pub(super) drawn: usize,
}

/// One way to fall into levels, with the rarity of the names agreed on in whole bits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pattern {
    pub(super) levels: crate::score::Levels,
    pub(super) rarer: [i8; 2],
}

/// How often each pattern is met among blocked pairs.
pub(super) struct Blocked {
    pub(super) patterns: BTreeMap<Pattern, f64>,
    /// Pairs met.
    pub(super) pairs: usize,
    /// Real pairs for each pair met: more than 1 where only some were looked at.
    pub(super) scale: f64,
}

/// Pairs among so many records.
pub(super) fn all(records: usize) -> f64 {
    (count(records) * (count(records) - 1.0) / 2.0).max(1.0)
}

/// Draws random pairs. A level that chance never met keeps its general rarity, or is rarer than those drawn could show.
pub(super) fn random(records: &[StandardPerson], scorer: &Scorer, seed: u64) -> Random {
    let comparisons = &scorer.model.comparisons;
    let mut counts: Vec<Vec<f64>> = comparisons.iter().map(|c| vec![0.0; c.levels.len()]).collect();
    let mut drawn = 0;
    let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
    let mut draw = || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % records.len() as u64).unwrap_or(0)
    };
    for _ in 0..if records.len() > 1 { RANDOM_PAIRS } else { 0 } {
        let (a, b) = (draw(), draw());
        if let (Some(x), Some(y)) = (records.get(a), records.get(b))
            && a != b
        {
            let compared = scorer.compare(x, y);
            // The few of them who are one person or one household say nothing of strangers.
            if compared.totals.likeliest() == PairKind::Strangers {
                drawn += 1;
                for (counts, level) in counts.iter_mut().zip(&compared.levels) {
                    if let Some(slot) = counts.get_mut(usize::from(*level)) {
                        *slot += 1.0;
                    }
                }
            }
        }
    }
    let share = |counts: &Vec<f64>, levels: &[crate::model::Level]| {
        let all: f64 = counts.iter().sum();
        let known = |level: &crate::model::Level| {
            level
                .probabilities
                .get(PairKind::Strangers.index())
                .map_or(1.0, |u| f64::from(*u))
        };
        let parts = counts.iter().zip(levels);
        parts
            .map(|(n, level)| (n + 1.0) / (all + 1.0 / known(level)))
            .collect()
    };
    let shares = counts
        .iter()
        .zip(comparisons)
        .map(|(c, m)| share(c, &m.levels))
        .collect();
    Random {
        counts,
        shares,
        drawn,
    }
}

/// Meets records in blocks as the engine does, and compares each pair once.
pub(super) fn blocked(records: &[StandardPerson], scorer: &Scorer, seed: u64) -> Blocked {
    let mut entries: Vec<(u64, u32)> = Vec::new();
    for (at, record) in (0u32..).zip(records) {
        entries.extend(scorer.blocking_keys(record).iter().map(|key| (key.0, at)));
    }
    entries.sort_unstable();
    let max = scorer.model.limits.block_records_max;
    let blocks = || {
        entries
            .chunk_by(|x, y| x.0 == y.0)
            .filter(|block| block.len() <= max)
    };
    let met: usize = blocks().map(|block| block.len() * (block.len() - 1) / 2).sum();
    // A pair often meets in several blocks; it is looked at always or never.
    let one_in = met.div_ceil(BLOCKED_PAIRS_MAX * 3).max(1) as u64;
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for block in blocks() {
        for (at, (_, a)) in block.iter().enumerate() {
            for (_, b) in block.iter().skip(at + 1) {
                let name = (u64::from(*a) << 32 | u64::from(*b)).to_le_bytes();
                if one_in == 1 || xxh3_64_with_seed(&name, seed).is_multiple_of(one_in) {
                    pairs.push((*a, *b));
                }
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut patterns = BTreeMap::new();
    let record = |at: u32| usize::try_from(at).ok().and_then(|at| records.get(at));
    for (a, b) in &pairs {
        if let (Some(x), Some(y)) = (record(*a), record(*b)) {
            let compared = scorer.compare(x, y);
            if scorer.veto(x, y, &compared.levels).is_none() {
                *patterns.entry(pattern(compared)).or_insert(0.0) += 1.0;
            }
        }
    }
    Blocked {
        patterns,
        pairs: pairs.len(),
        scale: count(usize::try_from(one_in).unwrap_or(1)),
    }
}

fn pattern(compared: PairLevels) -> Pattern {
    #[expect(clippy::cast_possible_truncation, reason = "clamped")]
    let whole = |bits: f32| bits.round().clamp(-20.0, 20.0) as i8;
    Pattern {
        levels: compared.levels,
        rarer: compared.rarer.map(whole),
    }
}
