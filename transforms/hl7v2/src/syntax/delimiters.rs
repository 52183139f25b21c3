//! Finds the field separators and line ends of a text, eight bytes at a step: fields are short, so a search that starts
//! anew at each of them would spend its time on starting.

const ONES: u64 = 0x0101_0101_0101_0101;
const SPACES: u64 = 0x2020_2020_2020_2020;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight bytes of a text: the high bits of the field separators and of the control characters among them. Line ends are
/// rare enough to be told from the other control characters afterwards.
pub(super) struct Marks {
    pub(super) separators: u64,
    pub(super) controls: u64,
}

impl Marks {
    #[inline(always)]
    const fn new(word: u64, pattern: u64) -> Self {
        Self {
            separators: zero_bytes(word ^ pattern),
            controls: control_bytes(word),
        }
    }
}

/// The marks of a text, eight bytes at a step, and of the fewer than eight at its end.
#[inline(always)]
pub(super) fn marks(separator: u8, bytes: &[u8]) -> (impl Iterator<Item = Marks>, Marks) {
    let pattern = u64::from(separator) * ONES;
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    // Spaces after the end, which are none of both.
    let tail = last_word(tail) | (SPACES << (4 * tail.len()) << (4 * tail.len()));
    let words = words.map(move |word| Marks::new(word.try_into().map_or(0, u64::from_le_bytes), pattern));
    (words, Marks::new(tail, pattern))
}

/// The high bit of each byte below the space.
#[inline]
const fn control_bytes(word: u64) -> u64 {
    !(((word & LOW) + 0x60 * ONES) | word) & HIGH
}

/// The high bit of each byte that is zero.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    !(((word & LOW) + LOW) | word) & HIGH
}

/// Where a delimiter is first. Most parts are a few bytes long; long ones are attachments.
#[inline]
pub(super) fn position(delimiter: u8, bytes: &[u8]) -> Option<usize> {
    if bytes.len() >= 64 {
        return memchr::memchr(delimiter, bytes);
    }
    position_of_either([delimiter; 2], bytes)
}

/// Where one of two delimiters is first.
#[inline]
pub(super) fn position_of_either(delimiters: [u8; 2], bytes: &[u8]) -> Option<usize> {
    let [one, other] = delimiters.map(|byte| u64::from(byte) * ONES);
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    let mut base = 0;
    for word in words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        let found = zero_bytes(word ^ one) | zero_bytes(word ^ other);
        if found != 0 {
            return Some(base + (found.trailing_zeros() / 8) as usize);
        }
        base += 8;
    }
    let last = last_word(tail);
    let found = zero_bytes(last ^ one) | zero_bytes(last ^ other);
    (found != 0).then(|| base + (found.trailing_zeros() / 8) as usize)
}

/// Where one of two delimiters is first in eight bytes.
#[inline]
pub(super) fn position_in_word(delimiters: [u8; 2], word: [u8; 8]) -> Option<usize> {
    let word = u64::from_le_bytes(word);
    let [one, other] = delimiters.map(|byte| zero_bytes(word ^ (u64::from(byte) * ONES)));
    let found = one | other;
    (found != 0).then_some((found.trailing_zeros() / 8) as usize)
}

/// A bit for each place of a delimiter in at most 64 bytes.
#[inline]
pub(super) fn places(delimiter: u8, bytes: &[u8]) -> u64 {
    let pattern = u64::from(delimiter) * ONES;
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    let (mut places, mut at) = (0, 0);
    for word in words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        places |= gathered(zero_bytes(word ^ pattern)) << at;
        at += 8;
    }
    if !tail.is_empty() {
        places |= gathered(zero_bytes(last_word(tail) ^ pattern)) << at;
    }
    places
}

/// The high bits of eight bytes, side by side.
#[inline]
const fn gathered(high: u64) -> u64 {
    (high >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Fewer than eight bytes as a word; the zeros after them match nothing.
#[inline]
fn last_word(tail: &[u8]) -> u64 {
    // Two loads that overlap, not a loop: the bytes that both have are the same.
    if let (Some(first), Some(last)) = (tail.first_chunk(), tail.last_chunk()) {
        let at = 8 * (tail.len() - 4);
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << at;
    }
    match *tail {
        [one] => u64::from(one),
        [one, two] => u64::from(u16::from_le_bytes([one, two])),
        [one, two, three] => u64::from(u32::from_le_bytes([one, two, three, 0])),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(bytes in prop::collection::vec(prop_oneof![Just(b'|'), Just(b'\r'), Just(b'\n'), Just(0xfc_u8), any::<u8>()], 0..70)) {
            let plain: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'|' || bytes[*at] < b' ').collect();
            let (words, tail) = marks(b'|', &bytes);
            let mut told = Vec::new();
            for (base, marks) in words.chain([tail]).enumerate() {
                prop_assert_eq!(marks.separators & marks.controls, 0);
                let found = marks.separators | marks.controls;
                told.extend((0..8).filter(|at| found & 0x80 << (8 * at) != 0).map(|at| 8 * base + at));
            }
            prop_assert_eq!(told, plain);
            let short = &bytes[..bytes.len().min(64)];
            let bars = places(b'|', short);
            let expected = (0..short.len()).filter(|at| short[*at] == b'|').fold(0, |all, at| all | 1 << at);
            prop_assert_eq!(bars, expected);
            prop_assert_eq!(position(b'|', &bytes), bytes.iter().position(|b| *b == b'|'));
            let either = bytes.iter().position(|b| matches!(b, b'|' | b'\r'));
            prop_assert_eq!(position_of_either([b'|', b'\r'], &bytes), either);
            if let Some(word) = bytes.first_chunk() {
                prop_assert_eq!(position_in_word([b'|', b'\r'], *word), either.filter(|at| *at < 8));
            }
        }
    }
}
