//! Finds the field separators and line ends of a text, eight bytes at a step: fields are short, so a search that starts
//! anew at each of them would spend its time on starting.

const ONES: u64 = 0x0101_0101_0101_0101;
const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Tells, for each eight bytes that have any, where they begin and the high bits of the field separators and of the
/// control characters among them: line ends are rare enough to be told from the others afterwards.
#[inline]
pub(super) fn each_separator_and_control(separator: u8, bytes: &[u8], mut tell: impl FnMut(usize, u64, u64)) {
    let pattern = u64::from(separator) * ONES;
    let words = bytes.chunks_exact(8);
    let tail = words.remainder();
    let mut base = 0;
    for word in words {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        let (separators, controls) = (zero_bytes(word ^ pattern), control_bytes(word));
        if separators | controls != 0 {
            tell(base, separators, controls);
        }
        base += 8;
    }
    if !tail.is_empty() {
        let word = last_word(tail);
        // The zeros after the end are none of the text's.
        let within = HIGH >> (8 * (8 - tail.len()));
        tell(base, zero_bytes(word ^ pattern), control_bytes(word) & within);
    }
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

/// Tells each place of a delimiter, ascending, until `take` has had enough; false where it had.
#[inline]
pub(super) fn each_position(delimiter: u8, bytes: &[u8], mut take: impl FnMut(usize) -> bool) -> bool {
    let pattern = u64::from(delimiter) * ONES;
    let words = bytes.chunks_exact(8);
    let tail = last_word(words.remainder());
    let words = words.map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    for (at, word) in words.chain([tail]).enumerate() {
        let mut found = zero_bytes(word ^ pattern);
        while found != 0 {
            if !take(at * 8 + (found.trailing_zeros() / 8) as usize) {
                return false;
            }
            found &= found - 1;
        }
    }
    true
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
            let mut told = Vec::new();
            each_separator_and_control(b'|', &bytes, |base, separators, controls| {
                let found = separators | controls;
                assert_eq!(separators & controls, 0);
                told.extend((0..8).filter(|at| found & 0x80 << (8 * at) != 0).map(|at| base + at));
            });
            prop_assert_eq!(told, plain);
            let mut bars = Vec::new();
            let whole = each_position(b'|', &bytes, |at| { bars.push(at); true });
            prop_assert!(whole);
            prop_assert_eq!(bars, (0..bytes.len()).filter(|at| bytes[*at] == b'|').collect::<Vec<_>>());
            prop_assert_eq!(position(b'|', &bytes), bytes.iter().position(|b| *b == b'|'));
            let either = bytes.iter().position(|b| matches!(b, b'|' | b'\r'));
            prop_assert_eq!(position_of_either([b'|', b'\r'], &bytes), either);
        }
    }
}
