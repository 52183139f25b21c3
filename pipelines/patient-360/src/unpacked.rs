//! Chunks of facts that were packed or read lately, as they are before compression: a fact told of again was mostly told of
//! not long ago, or beside others that are. Two generations, so that the memory is bounded (INV-9).

use hashbrown::HashMap;

/// What chunks of facts unpack to, by their numbers.
pub(crate) struct Unpacked {
    young: HashMap<u64, Box<[u8]>>,
    young_bytes: usize,
    old: HashMap<u64, Box<[u8]>>,
    generation_bytes_max: usize,
    aged_before: bool,
}

impl Unpacked {
    pub(crate) fn new(generation_bytes_max: usize) -> Self {
        Self {
            young: HashMap::new(),
            young_bytes: 0,
            old: HashMap::new(),
            generation_bytes_max,
            aged_before: false,
        }
    }

    pub(crate) fn keep(&mut self, chunk: u64, unpacked: Box<[u8]>) {
        self.young_bytes += unpacked.len();
        self.young.insert(chunk, unpacked);
    }

    /// A chunk that is kept; it counts as used.
    pub(crate) fn get(&mut self, chunk: u64) -> Option<&[u8]> {
        if let Some(unpacked) = self.old.remove(&chunk) {
            self.keep(chunk, unpacked);
        }
        self.young.get(&chunk).map(AsRef::as_ref)
    }

    /// Lets go of what has not been used lately. Not at the end of two epochs in a row: what the last one filed may not be
    /// in committed state yet.
    pub(crate) fn age(&mut self) {
        self.aged_before = !self.aged_before && self.young_bytes >= self.generation_bytes_max;
        if self.aged_before {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}
