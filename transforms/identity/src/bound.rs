//! What a pair's weight can be at most while some of it is not compared yet: most candidates are told apart by their birth
//! dates and numbers, before anybody looks at spellings.

use crate::comparison::TermKind;
use crate::frequency::TermBits;
use crate::pair_kind::{PAIR_KINDS, PairKind};
use crate::score::{Compiled, LevelBits, MatchWeight, Totals};

/// The order in which comparisons are tried: what costs little and tells much comes first. Those not named come last.
const ORDER: [&str; 10] = [
    "birth_date",
    "sex",
    "ssn",
    "phone",
    "identifiers",
    "generation",
    "email",
    "address",
    "middle_name",
    "family_name",
];

/// Kinds of one person add up to no more than the likeliest, that many times: as bits.
const SUM_BITS: f32 = 2.0;
/// Sums in another order differ by less, and so does a weight in whole thousandths of a bit.
const SLACK_BITS: f32 = 0.05;
/// Scores are cut off not far below; no bound holds there.
const BITS_MIN: f32 = -29.0;

/// The most each comparison can add, by kind, against strangers.
#[derive(Debug)]
pub(crate) struct Bound {
    /// The comparisons, as places in the model, in the order in which they are tried.
    pub(crate) order: Vec<usize>,
    gains: Vec<LevelBits>,
    start: Reach,
}

/// What a pair can reach at most, by kind, against strangers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach(LevelBits);

impl Bound {
    pub(crate) fn new(compiled: &[Compiled], prior: Totals, given: &TermBits, family: &TermBits) -> Self {
        let place = |at: &usize| {
            let name = compiled.get(*at).map(Compiled::name);
            ORDER
                .iter()
                .position(|known| Some(*known) == name)
                .unwrap_or(ORDER.len())
        };
        let mut order: Vec<usize> = (0..compiled.len()).collect();
        order.sort_by_key(place);
        let most_of = |c: &Compiled| {
            let mut most = [0.0f32; PAIR_KINDS];
            for (at, bits) in c.bits.iter().enumerate() {
                let rarest = c.term(at).map(|kind| kind.table(given, family).most());
                for gain in [gain(bits, None), gain(bits, rarest)] {
                    most.iter_mut()
                        .zip(gain)
                        .for_each(|(most, gain)| *most = most.max(gain));
                }
            }
            most
        };
        let gains: Vec<LevelBits> = compiled.iter().map(most_of).collect();
        let mut start = Reach(prior.0);
        gains.iter().for_each(|gain| start.add(gain, 1.0));
        Self { order, gains, start }
    }

    /// What a pair of which nothing is compared can reach.
    pub(crate) const fn start(&self) -> Reach {
        self.start
    }

    /// Puts what a comparison says in the place of the most it could; nothing where a side is missing.
    pub(crate) fn learn(&self, reach: &mut Reach, at: usize, said: Option<(&LevelBits, Option<f32>)>) {
        if let Some(most) = self.gains.get(at) {
            reach.add(most, -1.0);
        }
        if let Some((bits, term_bits)) = said {
            reach.add(&gain(bits, term_bits), 1.0);
        }
    }
}

impl Reach {
    fn add(&mut self, gain: &LevelBits, sign: f32) {
        self.0
            .iter_mut()
            .zip(gain)
            .for_each(|(sum, gain)| *sum += sign * gain);
    }

    /// True where no pair with this much left can have the weight.
    pub(crate) fn misses(&self, weight: MatchWeight) -> bool {
        let one = PairKind::ALL
            .iter()
            .zip(self.0)
            .filter(|(kind, _)| kind.is_one_person());
        let most = one.map(|(_, bits)| bits).fold(f32::MIN, f32::max) + SUM_BITS + SLACK_BITS;
        weight.bits() > BITS_MIN && most < weight.bits()
    }
}

/// What a level adds to each kind against strangers; the rarer the term agreed on, the more.
fn gain(bits: &LevelBits, term_bits: Option<f32>) -> LevelBits {
    let strangers = bits.get(PairKind::Strangers.index()).copied().unwrap_or(0.0);
    let against = term_bits.unwrap_or(-strangers);
    bits.map(|bits| bits + against)
}

impl TermKind {
    /// The table that says how rare its terms are.
    pub(crate) const fn table<'a>(self, given: &'a TermBits, family: &'a TermBits) -> &'a TermBits {
        match self {
            Self::Given => given,
            Self::Family => family,
        }
    }
}
