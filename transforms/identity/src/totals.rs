//! How likely each kind of pair is, added up comparison by comparison.

use crate::model::Prior;
use crate::pair_kind::{PAIR_KINDS, PairKind};
use crate::score::LevelBits;

/// Running totals of one pair: log2 of how likely it is, for each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Totals(pub(crate) [f32; PAIR_KINDS]);

impl Totals {
    pub(crate) fn of_prior(prior: &Prior) -> Self {
        let mut totals = [0.0; PAIR_KINDS];
        let p = prior.match_probability;
        #[expect(clippy::cast_possible_truncation, reason = "a weight needs no double")]
        let calibration = prior.calibration_bits as f32;
        for ((total, kind), per_match) in totals.iter_mut().zip(PairKind::ALL).zip(prior.pairs_per_match) {
            #[expect(clippy::cast_possible_truncation, reason = "a weight needs no double")]
            let bits = (p * per_match).max(1e-30).log2() as f32;
            *total = match kind {
                PairKind::Strangers => 0.0,
                kind if kind.is_one_person() => bits + calibration,
                _ => bits,
            };
        }
        Self(totals)
    }

    pub(crate) fn add(&mut self, bits: &LevelBits) {
        for (total, bits) in self.0.iter_mut().zip(bits) {
            *total += bits;
        }
    }

    /// Counts how much rarer the names agreed on are: where given names agree by chance (strangers, and those who share
    /// a home but chose no common name), and where family names do (strangers).
    pub(crate) fn rarer(&mut self, [given, family]: [f32; 2]) {
        for (total, kind) in self.0.iter_mut().zip(PairKind::ALL) {
            *total -= match kind {
                PairKind::Strangers => given + family,
                PairKind::Housemates | PairKind::Twins => given,
                _ => 0.0,
            };
        }
    }

    /// How likely each kind is.
    pub(crate) fn shares(&self) -> [f32; PAIR_KINDS] {
        let all = self.sum(|_| true);
        self.0.map(|bits| (bits - all).exp2())
    }

    /// log2 of how likely the pair is to be of one of these kinds.
    fn sum(&self, wanted: fn(PairKind) -> bool) -> f32 {
        let of = || {
            PairKind::ALL
                .iter()
                .zip(self.0)
                .filter(|(kind, _)| wanted(**kind))
                .map(|(_, bits)| bits)
        };
        let most = of().fold(f32::MIN, f32::max);
        most + of().map(|bits| (bits - most).exp2()).sum::<f32>().log2()
    }

    /// The odds of one person against two, in bits.
    pub(crate) fn combined(&self) -> f32 {
        self.sum(PairKind::is_one_person) - self.sum(|kind| !kind.is_one_person())
    }

    /// The odds of one person against strangers alone, and against a household alone.
    pub(crate) fn against_each(&self) -> [f32; 2] {
        let one = self.sum(PairKind::is_one_person);
        [
            one - self.sum(|kind| kind == PairKind::Strangers),
            one - self.sum(PairKind::is_household),
        ]
    }

    /// The likeliest kind.
    pub(crate) fn likeliest(&self) -> PairKind {
        let best = PairKind::ALL
            .iter()
            .zip(self.0)
            .max_by(|x, y| x.1.total_cmp(&y.1));
        best.map_or(PairKind::Strangers, |(kind, _)| *kind)
    }
}
