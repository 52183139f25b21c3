//! Seeded chance: every draw of the synthetic world comes from a stream named by (seed, purpose, number), so any part
//! can be made again without the parts before it (INV-1).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What a stream of chance decides. Two purposes never share draws.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// Who lives together.
    Population = 1,
    /// Who practises.
    Providers = 2,
    /// Which episodes happen.
    Episodes = 3,
    /// What one episode is about.
    Story = 4,
    /// Which messages an episode causes.
    Plan = 5,
    /// What one message says.
    Message = 6,
    /// What one source wrote down of one person.
    Recording = 7,
    /// When one person's life changes.
    Life = 8,
    /// How events are batched.
    Batches = 9,
}

/// A stream of chance.
#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: u64, purpose: Purpose, number: u64) -> Self {
        let mixed = mix(seed ^ mix(number.wrapping_add((purpose as u64) << 56)));
        Self(ChaCha8Rng::seed_from_u64(mixed))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..bound`; 0 where the bound is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).max(0) as u64;
        low.saturating_add(self.below(width.saturating_add(1)) as i64)
    }

    /// A number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items, each as likely; `None` where there are none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// One of the words, each as likely.
    pub(crate) fn word(&mut self, words: &[&'static str]) -> &'static str {
        self.pick(words).copied().unwrap_or_default()
    }
}

/// Scatters a number over 64 bits, one to one.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Scatters `number` over `0..size`, one to one as long as `number < size`.
///
/// The factor is a power of 13, so `size` must not be a multiple of 13.
pub(crate) fn scatter(number: u64, offset: u64, size: u64) -> u64 {
    const FACTOR: u128 = 13u128.pow(7);
    debug_assert!(
        !size.is_multiple_of(13),
        "a size with the factor's prime would collide"
    );
    match u128::from(size) {
        0 => 0,
        size => ((u128::from(number) * FACTOR + u128::from(offset)) % size) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scatter_is_one_to_one() {
        let mut seen: Vec<u64> = (0..10_000).map(|n| scatter(n, 77, 10_000)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn streams_are_named() {
        let draw = |seed, purpose, number| Random::new(seed, purpose, number).bits();
        assert_eq!(draw(1, Purpose::Story, 5), draw(1, Purpose::Story, 5));
        assert_ne!(draw(1, Purpose::Story, 5), draw(2, Purpose::Story, 5));
        assert_ne!(draw(1, Purpose::Story, 5), draw(1, Purpose::Plan, 5));
        assert_ne!(draw(1, Purpose::Story, 5), draw(1, Purpose::Story, 6));
    }

    #[test]
    fn draws_stay_in_bounds() {
        let mut random = Random::new(3, Purpose::Life, 0);
        assert_eq!(random.below(0), 0);
        assert!(random.pick::<u8>(&[]).is_none());
        for _ in 0..1000 {
            assert!((-3..=4).contains(&random.between(-3, 4)));
            assert!((0.0..1.0).contains(&random.unit()));
        }
    }
}
