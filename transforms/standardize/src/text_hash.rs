//! A hash for tables of short texts: the streaming form of xxh3 sets up more state than a name has bytes.

use std::hash::{BuildHasherDefault, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Hashes a text in one go.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextHasher(u64);

/// Makes hashers for maps with text keys.
pub type TextHashBuilder = BuildHasherDefault<TextHasher>;

impl Hasher for TextHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// What ends a text in a sequence of texts.
    fn write_u8(&mut self, byte: u8) {
        self.0 = self.0.wrapping_add(u64::from(byte)).rotate_left(8);
    }
}
