//! A filter of the keys of a space that was empty when it was opened: a first load asks for millions of keys that are not
//! there, and each such question would cost a search of the store.

/// Bits of the filter: 4 MiB of memory, one key in fifty mistaken for a known one at the limit below.
const BITS: usize = 1 << 25;
/// Keys from which on the filter says too little to be worth asking.
const KEYS_MAX: usize = 3_500_000;
/// Bits set per key.
const PROBES: u64 = 5;
/// Words of the block that holds all bits of a key: one line of the processor's cache.
const BLOCK_WORDS: usize = 8;

/// Says of a key whether it may be there; never says no of one that is.
pub(crate) struct KeyFilter {
    bits: Vec<u64>,
    keys: usize,
}

impl KeyFilter {
    /// A filter of no keys. Its memory is taken up as keys come.
    pub(crate) fn new() -> Self {
        Self {
            bits: vec![0; BITS / 64],
            keys: 0,
        }
    }

    /// True while the filter is worth asking.
    pub(crate) const fn is_useful(&self) -> bool {
        self.keys < KEYS_MAX
    }

    /// Notes a key by its hash.
    pub(crate) fn insert(&mut self, hash: u64) {
        self.keys += 1;
        for (word, bit) in places(hash) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// False only where the key was never noted.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        places(hash).all(|(word, bit)| self.bits.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// A blocked filter (Putze, Sanders and Singler 2007): the hash chooses a block, double hashing the bits within it.
fn places(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    const BLOCK_BITS: u64 = 64 * BLOCK_WORDS as u64;
    let blocks = BITS as u64 / BLOCK_BITS;
    let block = usize::try_from((hash >> 32) % blocks).unwrap_or(0) * BLOCK_WORDS;
    let step = (hash >> 9) | 1;
    (0..PROBES).map(move |n| {
        let bit = hash.wrapping_add(step.wrapping_mul(n)) % BLOCK_BITS;
        (block + usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noted_key_is_never_denied_and_few_others_are_let_through() {
        let mut filter = KeyFilter::new();
        let hash = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (n << 7);
        (0..100_000).for_each(|n| filter.insert(hash(n)));
        assert!((0..100_000).all(|n| filter.may_hold(hash(n))));
        let mistaken = (100_000..200_000).filter(|n| filter.may_hold(hash(*n))).count();
        assert!(mistaken < 1000, "{mistaken}");
    }
}
