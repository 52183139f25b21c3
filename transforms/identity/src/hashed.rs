//! Maps whose keys are hashes.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys that are hashes already need no second one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HashedAlready(u64);

impl Hasher for HashedAlready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn write_u128(&mut self, value: u128) {
        #[expect(clippy::cast_possible_truncation, reason = "either half of a hash is a hash")]
        let low = value as u64;
        self.0 = low;
    }
}

/// A map whose keys are hashes.
pub(crate) type Hashed<K, V> = HashMap<K, V, BuildHasherDefault<HashedAlready>>;
