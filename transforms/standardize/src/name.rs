//! Personal names: parts, generations, placeholders.

use crate::text::{fold_letters, is_in};
use panorama_model::Text;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Where a person stands among those of the same name in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Generation {
    /// Senior, or the first.
    Senior,
    /// Junior.
    Junior,
    /// The second.
    Second,
    /// The third.
    Third,
    /// The fourth.
    Fourth,
}

impl Generation {
    /// Reads one folded word (`jr`, `sr`, `iii`).
    pub fn read(word: &str) -> Option<Self> {
        Some(match word {
            "sr" | "senior" | "i" | "1st" => Self::Senior,
            "jr" | "junior" | "jnr" => Self::Junior,
            "ii" | "2nd" => Self::Second,
            "iii" | "3rd" => Self::Third,
            "iv" | "4th" => Self::Fourth,
            _ => return None,
        })
    }

    /// True where two people cannot be one: `Jr` and `II` may be, `Jr` and `Sr` may not.
    pub fn conflicts(self, other: Self) -> bool {
        let alike = |a, b| matches!((a, b), (Self::Junior, Self::Second));
        self != other && !alike(self, other) && !alike(other, self)
    }
}

/// Titles before a name. Sorted.
const PREFIXES: &[&str] = &[
    "capt", "col", "dr", "father", "fr", "hon", "lt", "maj", "miss", "mr", "mrs", "ms", "mx", "prof", "rev",
    "sgt", "sir", "sister",
];

/// Degrees after a name. Sorted.
const DEGREES: &[&str] = &[
    "arnp", "dds", "do", "esq", "lpn", "md", "np", "pa", "pac", "phd", "rn",
];

/// Words that stand where a name is not known, or for a child not named yet. Sorted.
const PLACEHOLDERS: &[&str] = &[
    "anonymous",
    "fnu",
    "lnu",
    "n a",
    "na",
    "nfn",
    "nln",
    "nmi",
    "nmn",
    "none",
    "null",
    "unavailable",
    "unidentified",
    "unk",
    "unknown",
    "xxx",
    "xxxx",
];

/// The placeholder that is a name where another name follows it (`Na Young`).
pub(crate) const PLACEHOLDER_OR_NAME: &str = "na";

/// Words by which a newborn is called. Sorted.
const NEWBORN: &[&str] = &[
    "baby", "babyboy", "babygirl", "bb", "bbg", "bg", "boy", "female", "girl", "infant", "male", "newborn",
    "twin",
];

/// Particles that belong to the word after them. Sorted.
const PARTICLES: &[&str] = &[
    "al", "ben", "bin", "da", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "el", "ibn", "la",
    "las", "le", "los", "mac", "mc", "o", "saint", "san", "santa", "st", "te", "ten", "van", "vander", "von",
];

/// A family name in one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    /// All of it, without blanks.
    pub(crate) whole: Text,
    /// Its parts, where it has more than one.
    pub(crate) parts: SmallVec<[Text; 2]>,
    /// A generation written into it.
    pub(crate) generation: Option<Generation>,
}

/// Given names in one spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// The first given name.
    pub(crate) first: Text,
    /// What follows it.
    pub(crate) rest: Text,
    /// A generation written into it.
    pub(crate) generation: Option<Generation>,
    /// A child not named yet.
    pub(crate) newborn: bool,
}

/// One spelling of a family name: `de la Cruz-Ortiz Jr` -> `delacruzortiz`, parts `delacruz`, `ortiz`, Junior.
pub(crate) fn family(text: &str, scratch: &mut String) -> Family {
    scratch.clear();
    fold_letters(text, scratch);
    if is_placeholder(scratch) {
        return Family::default();
    }
    if !scratch.contains(' ') {
        return Family {
            whole: Text::from(scratch.as_str()),
            ..Family::default()
        };
    }
    let mut out = Family::default();
    let (mut whole, mut part) = (String::with_capacity(scratch.len()), String::new());
    for (place, word) in scratch.split(' ').enumerate() {
        if place > 0 {
            if let Some(generation) = Generation::read(word) {
                out.generation = Some(generation);
                continue;
            }
            if is_in(DEGREES, word) && !whole.is_empty() && part.is_empty() {
                continue;
            }
        }
        whole.push_str(word);
        part.push_str(word);
        if !is_in(PARTICLES, word) {
            out.parts.push(Text::from(part.as_str()));
            part.clear();
        }
    }
    if out.parts.len() < 2 {
        out.parts.clear();
    }
    out.whole = Text::from(whole);
    out
}

/// One spelling of given names: `Dr. Mary Ann` -> `mary`, rest `ann`.
pub(crate) fn given(text: &str, scratch: &mut String) -> Given {
    scratch.clear();
    fold_letters(text, scratch);
    let mut out = Given::default();
    if is_placeholder(scratch) {
        return out;
    }
    if !scratch.contains(' ') {
        let stem = scratch.trim_end_matches(|c: char| c.is_ascii_digit());
        out.newborn = is_newborn(stem);
        if !out.newborn {
            out.first = Text::from(scratch.as_str());
        }
        return out;
    }
    let mut rest = String::new();
    let mut is_unknown = false;
    let mut words = scratch.split(' ').peekable();
    while let Some(word) = words.next() {
        let may_be_name = word == PLACEHOLDER_OR_NAME
            && (!out.first.is_empty() || words.peek().is_some_and(|next| !is_placeholder(next)));
        if out.first.is_empty() && is_newborn(word) {
            // `Unknown Male` is somebody whose name nobody knows, of any age.
            out.newborn |= !(is_unknown && matches!(word, "female" | "male"));
        } else if out.newborn {
            // `Baby Boy Maria`: the rest names the mother.
        } else if is_placeholder(word) && !may_be_name {
            is_unknown = true;
        } else if out.first.is_empty() {
            if !is_in(PREFIXES, word) {
                out.first = Text::from(word);
            }
        } else if let Some(generation) = Generation::read(word).filter(|_| word != "i") {
            out.generation = Some(generation);
        } else {
            if !rest.is_empty() {
                rest.push(' ');
            }
            rest.push_str(word);
        }
    }
    out.rest = Text::from(rest);
    out
}

/// Middle names, folded; placeholders (`NMN`) are none.
pub(crate) fn middle(text: &str, scratch: &mut String) -> Text {
    scratch.clear();
    fold_letters(text, scratch);
    if is_placeholder(scratch) {
        return Text::default();
    }
    Text::from(scratch.as_str())
}

/// The generation a suffix field states.
pub(crate) fn generation(text: &str, scratch: &mut String) -> Option<Generation> {
    scratch.clear();
    fold_letters(text, scratch);
    scratch.split(' ').find_map(Generation::read)
}

/// True for a name that says there is none.
fn is_placeholder(name: &str) -> bool {
    is_in(PLACEHOLDERS, name)
}

fn is_newborn(word: &str) -> bool {
    is_in(NEWBORN, word) || word.starts_with("babyboy") || word.starts_with("babygirl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let check = |text: &str, whole: &str, parts: &[&str], generation: Option<Generation>| {
            let read = family(text, &mut String::new());
            assert_eq!(read.whole, whole, "{text}");
            assert_eq!(read.parts.as_slice(), parts, "{text}");
            assert_eq!(read.generation, generation, "{text}");
        };
        check("O'Brien", "obrien", &[], None);
        check("García-López", "garcialopez", &["garcia", "lopez"], None);
        check("de la Cruz", "delacruz", &[], None);
        check(
            "Van Der Berg Smith",
            "vanderbergsmith",
            &["vanderberg", "smith"],
            None,
        );
        check("Smith, Jr.", "smith", &[], Some(Generation::Junior));
        check("Nguyen MD", "nguyen", &[], None);
        check("Do", "do", &[], None);
        check("UNKNOWN", "", &[], None);
        check("", "", &[], None);
    }

    #[test]
    fn givens() {
        let check = |text: &str, first: &str, rest: &str, newborn: bool| {
            let read = given(text, &mut String::new());
            assert_eq!(
                (read.first.as_str(), read.rest.as_str(), read.newborn),
                (first, rest, newborn),
                "{text}"
            );
        };
        check("Mary Ann", "mary", "ann", false);
        check("Dr. José", "jose", "", false);
        check("BABYGIRL", "", "", true);
        check("BabyBoy2", "", "", true);
        check("Baby Boy Maria", "", "", true);
        check("Girl A", "", "", true);
        check("FNU", "", "", false);
        check("Unknown Unknown", "", "", false);
        check("Unknown Male", "", "", false);
        check("Unknown Baby Girl", "", "", true);
        check("NA NA", "", "", false);
        check("NA Unknown", "", "", false);
        check("Maria NMN", "maria", "", false);
        check("FNU Amina", "amina", "", false);
        check("Na Young", "na", "young", false);
        check("John Jr", "john", "", false);
        check("J", "j", "", false);
    }

    #[test]
    fn generations() {
        assert!(Generation::Junior.conflicts(Generation::Senior));
        assert!(!Generation::Second.conflicts(Generation::Junior));
        assert_eq!(generation("Jr.", &mut String::new()), Some(Generation::Junior));
        assert_eq!(generation("MD", &mut String::new()), None);
    }

    #[test]
    fn lists_are_sorted() {
        for list in [PREFIXES, DEGREES, PLACEHOLDERS, NEWBORN, PARTICLES] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
