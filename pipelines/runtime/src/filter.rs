//! A filter of the keys of a space that was empty when it was opened: a first load asks for millions of keys that are not
//! there, and each such question would cost a search of the store.

/// Bytes of the layers of a filter: for three million keys, and thirty million in all. Each layer is asked, and each answer
/// is a line of memory to be fetched, so there are few.
const LAYERS: &[usize] = &[4 << 20, 32 << 20];
/// Bits for a key: one in fifty is mistaken for a known one where a layer is full.
const KEY_BITS: usize = 10;
/// Bits set per key.
const PROBES: u64 = 5;
/// Words of the block that holds all bits of a key: one line of the processor's cache.
const BLOCK_WORDS: usize = 8;

/// Says of a key whether it may be there; never says no of one that is. Grows with the keys (a scalable Bloom filter: Almeida
/// et al. 2007), and gives up where there are more than it was made for.
pub(crate) struct KeyFilter {
    /// Empty once it has given up.
    layers: Vec<Layer>,
    sizes: &'static [usize],
}

impl KeyFilter {
    /// A filter of no keys. Its memory is taken up as keys come.
    pub(crate) fn new() -> Self {
        Self::of(LAYERS)
    }

    /// So many keys it has room for.
    pub(crate) fn keys_max() -> u64 {
        LAYERS.iter().map(|bytes| (bytes * 8 / KEY_BITS) as u64).sum()
    }

    fn of(sizes: &'static [usize]) -> Self {
        Self {
            layers: sizes.iter().take(1).map(|bytes| Layer::new(*bytes)).collect(),
            sizes,
        }
    }

    /// Notes a key by its hash.
    pub(crate) fn insert(&mut self, hash: u64) {
        if self.may_hold(hash) {
            return;
        }
        if self.layers.last().is_some_and(Layer::is_full) {
            match self.sizes.get(self.layers.len()) {
                Some(bytes) => self.layers.push(Layer::new(*bytes)),
                None => self.layers = Vec::new(),
            }
        }
        if let Some(last) = self.layers.last_mut() {
            last.insert(hash);
        }
    }

    /// Reads a word of each cache line that is asked of for a key.
    pub(crate) fn touch(&self, hash: u64) -> u64 {
        let asked = if self.is_empty() {
            &[]
        } else {
            self.layers.as_slice()
        };
        let lines = asked.iter().filter_map(|layer| layer.line(hash));
        lines.fold(0, u64::wrapping_add)
    }

    /// True where no key was noted: what stays empty is asked as often as others.
    const fn is_empty(&self) -> bool {
        matches!(self.layers.as_slice(), [only] if only.keys == 0)
    }

    /// False only where the key was never noted.
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        if self.is_empty() {
            return false;
        }
        // Most keys are in the largest.
        self.layers.is_empty() || self.layers.iter().rev().any(|layer| layer.may_hold(hash))
    }
}

struct Layer {
    bits: Vec<u64>,
    keys: usize,
}

impl Layer {
    fn new(bytes: usize) -> Self {
        Self {
            bits: vec![0; bytes / 8],
            keys: 0,
        }
    }

    const fn is_full(&self) -> bool {
        self.keys >= self.bits.len() * 64 / KEY_BITS
    }

    fn insert(&mut self, hash: u64) {
        self.keys += 1;
        for (word, bit) in self.places(hash) {
            if let Some(word) = self.bits.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// A word of the line that all places of a hash are in.
    fn line(&self, hash: u64) -> Option<u64> {
        let (word, _) = self.places(hash).next()?;
        self.bits.get(word).copied()
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.places(hash)
            .all(|(word, bit)| self.bits.get(word).is_some_and(|word| word & bit != 0))
    }

    /// A blocked filter (Putze, Sanders and Singler 2007): the hash chooses a block, double hashing the bits within it.
    fn places(&self, hash: u64) -> impl Iterator<Item = (usize, u64)> + use<> {
        const BLOCK_BITS: u64 = 64 * BLOCK_WORDS as u64;
        let blocks = (self.bits.len() / BLOCK_WORDS) as u64;
        let block = usize::try_from((hash >> 32) % blocks).unwrap_or(0) * BLOCK_WORDS;
        let step = (hash >> 9) | 1;
        (0..PROBES).map(move |n| {
            let bit = hash.wrapping_add(step.wrapping_mul(n)) % BLOCK_BITS;
            (block + usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As even as the hashes that come (the finalizer of MurmurHash3).
    const fn hash(n: u64) -> u64 {
        let n = (n ^ n >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let n = (n ^ n >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        n ^ n >> 33
    }

    #[test]
    fn a_noted_key_is_never_denied_and_few_others_are_let_through() {
        let mut filter = KeyFilter::new();
        (0..100_000).for_each(|n| filter.insert(hash(n)));
        assert!((0..100_000).all(|n| filter.may_hold(hash(n))));
        let mistaken = (100_000..200_000).filter(|n| filter.may_hold(hash(*n))).count();
        assert!(mistaken < 1000, "{mistaken}");
    }

    #[test]
    fn it_grows_with_its_keys_and_gives_up_beyond() {
        const SIZES: &[usize] = &[1 << 14, 1 << 16];
        let keys = |sizes: &[usize]| (sizes.iter().sum::<usize>() * 8 / KEY_BITS) as u64;
        let mut filter = KeyFilter::of(SIZES);
        let some = keys(&SIZES[..1]) * 2;
        (0..some).for_each(|n| filter.insert(hash(n)));
        assert_eq!(filter.layers.len(), 2);
        let mistaken = (1 << 40..(1 << 40) + 10_000)
            .filter(|n| filter.may_hold(hash(*n)))
            .count();
        assert!(mistaken < 500, "{mistaken}");
        // The same keys again take no room.
        let held = filter.layers[1].keys;
        (0..some).for_each(|n| filter.insert(hash(n)));
        assert_eq!(filter.layers[1].keys, held);
        for n in 0..keys(SIZES) * 2 {
            filter.insert(hash(n));
            assert!(filter.may_hold(hash(n)) && filter.may_hold(hash(n / 2)));
        }
        assert!(filter.layers.is_empty() && filter.may_hold(hash(1 << 50)));
    }
}
