//! Nicknames: which given names one person may go by.

use crate::nickname_pairs::FORMAL_AND_SHORT;
use std::collections::HashMap;
use std::sync::LazyLock;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

type Formals = HashMap<&'static str, Vec<&'static str>, Xxh3DefaultBuilder>;

/// Short form -> the formal names it may stand for, in the order of the table.
static FORMALS_OF: LazyLock<Formals> = LazyLock::new(|| {
    let mut formals = Formals::default();
    for (formal, shorts) in FORMAL_AND_SHORT {
        for short in shorts.split(' ') {
            formals.entry(short).or_default().push(*formal);
        }
    }
    formals
});

/// The formal names a folded given name may stand for; empty where it is no known short form.
pub fn formals(name: &str) -> &'static [&'static str] {
    FORMALS_OF.get(name).map_or(&[], Vec::as_slice)
}

/// The most common formal name for a folded given name: itself where it is no short form.
pub fn canonical(name: &str) -> &str {
    formals(name).first().copied().unwrap_or(name)
}

/// True where two different folded given names may be one person's: `bill` and `william`, `bob` and `rob`.
pub fn related(a: &str, b: &str) -> bool {
    let (formals_a, formals_b) = (formals(a), formals(b));
    formals_a.contains(&b)
        || formals_b.contains(&a)
        || formals_a.iter().any(|formal| formals_b.contains(formal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(related(a, b), expected, "{a} {b}");
            assert_eq!(related(b, a), expected, "{b} {a}");
        };
        check("bill", "william", true);
        check("bob", "rob", true);
        check("alex", "alexandra", true);
        check("alex", "alexander", true);
        check("alexander", "alexandra", false);
        check("maria", "mary", false);
        check("zed", "zoe", false);
    }

    #[test]
    fn canonical_is_idempotent() {
        for (formal, shorts) in FORMAL_AND_SHORT {
            for name in shorts.split(' ').chain([*formal]) {
                assert_eq!(canonical(canonical(name)), canonical(name), "{name}");
            }
        }
    }
}
