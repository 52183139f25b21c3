//! Distances between short strings.

use rapidfuzz::distance::jaro_winkler;

/// Jaro-Winkler similarity, 0 to 1.
pub(crate) fn jaro_winkler(a: &str, b: &str) -> f64 {
    jaro_winkler::similarity(a.bytes(), b.bytes())
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

#[cfg(test)]
mod tests {
    use super::*;

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
