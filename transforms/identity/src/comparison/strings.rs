//! Distances between short strings.

use rapidfuzz::distance::jaro_winkler;

/// The least similarity any comparison asks for.
const SIMILARITY_MIN: f64 = 0.6;

/// Jaro-Winkler similarity, 0 to 1; 0 where the letters in common cannot make it reach what anybody asks for.
pub(crate) fn jaro_winkler(a: &str, b: &str) -> f64 {
    if a != b && similarity_max(a.as_bytes(), b.as_bytes()) < SIMILARITY_MIN {
        return 0.0;
    }
    jaro_winkler::similarity(a.bytes(), b.bytes())
}

/// True where the Jaro-Winkler similarity reaches `min`.
pub(crate) fn is_similar(a: &str, b: &str, min: f64) -> bool {
    a == b
        || similarity_max(a.as_bytes(), b.as_bytes()) >= min - 1e-9
            && jaro_winkler::similarity(a.bytes(), b.bytes()) >= min
}

/// What the similarity can be at most: the letters of each that the other has, all in order.
#[expect(clippy::cast_precision_loss, reason = "names are short")]
fn similarity_max(a: &[u8], b: &[u8]) -> f64 {
    let letters = |name: &[u8]| name.iter().fold(0u32, |set, byte| set | 1 << (byte & 31));
    let (in_a, in_b) = (letters(a), letters(b));
    let shared = |name: &[u8], set: u32| name.iter().filter(|byte| set >> (*byte & 31) & 1 == 1).count();
    let common = shared(a, in_b).min(shared(b, in_a)) as f64;
    let jaro = (common / a.len().max(1) as f64 + common / b.len().max(1) as f64 + 1.0) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count() as f64;
    jaro + prefix * 0.1 * (1.0 - jaro)
}

/// True where one letter was changed, added or lost, or two neighbours swapped (optimal string alignment 1).
pub(crate) fn one_edit_apart(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() {
        (a.as_bytes(), b.as_bytes())
    } else {
        (b.as_bytes(), a.as_bytes())
    };
    let head = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    match long.len() - short.len() {
        0 => {
            let tail = short
                .iter()
                .rev()
                .zip(long.iter().rev())
                .take_while(|(x, y)| x == y)
                .count();
            let between = short.len().saturating_sub(head + tail);
            let swapped = || short.get(head) == long.get(head + 1) && short.get(head + 1) == long.get(head);
            head < short.len() && (between == 1 || between == 2 && swapped())
        }
        1 => short.get(head..) == long.get(head + 1..),
        _ => false,
    }
}

/// How a folded English name sounds: letters of one sound in one spelling, vowels only at the start.
///
/// - Shape: at most eight sounds, zeros after the last; finer than Soundex, which hears `b` and `v` as one.
pub(crate) fn sounds(name: &str) -> [u8; 8] {
    let letters = name.as_bytes();
    let at = |place: usize| letters.get(place).copied().unwrap_or(0);
    let mut out = [0; 8];
    let mut places = out.iter_mut();
    let (mut place, mut last) = (0, 0);
    while place < letters.len() {
        let (letter, next) = (at(place), at(place + 1));
        let (sound, length) = match (letter, next) {
            (b'p', b'h') => (b'f', 2),
            (b'g' | b'k', b'n') | (b'm', b'n') if place == 0 => (b'n', 2),
            (b'w', b'r') if place == 0 => (b'r', 2),
            (b'g', b'h') if place > 0 => (0, 2),
            (b's', b'c') if matches!(at(place + 2), b'h') => (b'x', 3),
            (b's' | b'c', b'h') => (b'x', 2),
            (b'c', b'k') => (b'k', 2),
            (b'c', b'e' | b'i' | b'y') => (b's', 1),
            (b'c' | b'q' | b'k', _) => (b'k', 1),
            (b'd', b'g') => (b'j', 2),
            (b'g', b'e' | b'i' | b'y') => (b'j', 1),
            (b'x', _) => (if place == 0 { b's' } else { b'k' }, 1),
            (b'z' | b's', _) => (b's', 1),
            (b'v', _) => (b'f', 1),
            (b't', b'h') => (b't', 2),
            (b'h' | b'w', _) => (if place == 0 { letter } else { 0 }, 1),
            (b'a' | b'e' | b'i' | b'o' | b'u' | b'y', _) => (if place == 0 { b'a' } else { 0 }, 1),
            _ => (letter, 1),
        };
        if sound != 0 && sound != last {
            match places.next() {
                Some(slot) => *slot = sound,
                None => break,
            }
        }
        last = sound;
        place += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_similarity_holds() {
        let names = [
            "maria", "mraia", "marai", "aab", "peter", "p", "", "ruiz", "zoe", "jose", "josé", "anna",
            "hannah",
        ];
        for a in names {
            for b in names {
                let exact = jaro_winkler::similarity(a.bytes(), b.bytes());
                assert!(
                    a == b || similarity_max(a.as_bytes(), b.as_bytes()) >= exact - 1e-9,
                    "{a} {b}"
                );
            }
        }
    }

    #[test]
    fn names_that_sound_alike() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(sounds(a) == sounds(b), expected, "{a} {b}");
        };
        check("phox", "fox", true);
        check("karter", "carter", true);
        check("jeffrey", "geoffrey", true);
        check("baneie", "baney", true);
        check("knight", "nite", true);
        check("mary", "peter", false);
        check("robert", "rupert", false);
        check("", "a", false);
    }

    #[test]
    fn one_edit() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(one_edit_apart(a, b), expected, "{a} {b}");
            assert_eq!(one_edit_apart(b, a), expected, "{b} {a}");
        };
        check("maria", "marie", true);
        check("maria", "mraia", true);
        check("maria", "mara", true);
        check("maria", "marias", true);
        check("maria", "maria", false);
        check("maria", "mario2", false);
        check("aab", "aba", true);
        check("abab", "baba", false);
        check("", "a", true);
        check("", "", false);
    }
}
