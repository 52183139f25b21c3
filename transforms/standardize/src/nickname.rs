//! Nicknames: which given names one person may go by.

use crate::nickname_pairs::FORMAL_AND_SHORT;
use crate::nickname_variants::VARIANTS;
use hashbrown::HashMap;
use std::sync::LazyLock;

type Formals = HashMap<&'static str, Vec<&'static str>>;

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

/// Formal name -> its short forms.
static SHORTS_OF: LazyLock<Formals> = LazyLock::new(|| {
    FORMAL_AND_SHORT
        .iter()
        .map(|(formal, shorts)| (*formal, shorts.split(' ').collect()))
        .collect()
});

/// Name -> its variants.
static VARIANTS_OF: LazyLock<Formals> = LazyLock::new(|| {
    VARIANTS
        .iter()
        .map(|(name, variants)| (*name, variants.split(' ').collect()))
        .collect()
});

/// Name -> its relatives, for every name that has any.
static RELATIVES_OF: LazyLock<Formals> = LazyLock::new(|| {
    let names = SHORTS_OF.keys().chain(FORMALS_OF.keys());
    names
        .map(|name| {
            let mut relatives: Vec<_> = find_relatives(name).collect();
            relatives.sort_unstable();
            relatives.dedup();
            (*name, relatives)
        })
        .collect()
});

/// Every other name a person of this folded given name may go by: formal names, and their other short forms.
pub fn relatives(name: &str) -> &'static [&'static str] {
    RELATIVES_OF.get(name).map_or(&[], Vec::as_slice)
}

fn find_relatives(name: &str) -> impl Iterator<Item = &'static str> {
    let shorts = |formal: &str| {
        SHORTS_OF
            .get(formal)
            .map_or(&[] as &[_], Vec::as_slice)
            .iter()
            .copied()
    };
    let formals = formals(name);
    shorts(name)
        .chain(formals.iter().copied())
        .chain(formals.iter().flat_map(move |formal| shorts(formal)))
}

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
        || is_variant(a, b)
        || is_variant(b, a)
}

fn is_variant(name: &str, other: &str) -> bool {
    VARIANTS_OF
        .get(name)
        .is_some_and(|variants| variants.contains(&other))
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
        check("maria", "mary", true);
        check("hob", "robert", true);
        check("zed", "zoe", false);
    }

    #[test]
    fn relatives_are_formal_and_short() {
        let names = relatives("bill");
        assert!(names.contains(&"william") && names.contains(&"will"));
        assert!(relatives("william").contains(&"bill"));
        assert!(relatives("zed").is_empty());
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
