//! E-mail addresses: any of one side with any of the other.

use super::strings::is_similar;
use super::{Compared, Comparison, LevelSpec, level, one_edit_apart, plain};
use panorama_standardize::StandardPerson;

/// The comparison.
pub(super) static EMAIL: Comparison = Comparison {
    name: "email",
    words: "e-mail",
    levels: LEVELS,
    compare,
};

const LEVELS: &[LevelSpec] = &[
    level(
        "own",
        "an e-mail address in common that carries a given name of theirs",
        [0.4, 0.36, 0.3, 0.28],
        [0.000_005, 0.1, 0.1, 0.15],
    ),
    level(
        "exact",
        "an e-mail address in common",
        [0.32, 0.3, 0.25, 0.22],
        [0.000_005, 0.25, 0.3, 0.25],
    ),
    level(
        "near",
        "almost the same address",
        [0.08, 0.06, 0.06, 0.22],
        [0.000_03, 0.02, 0.02, 0.02],
    ),
    level(
        "local",
        "the same name before the @",
        [0.02, 0.02, 0.02, 0.03],
        [0.000_1, 0.004, 0.004, 0.004],
    ),
    level(
        "different",
        "no e-mail address in common",
        [0.18, 0.26, 0.37, 0.25],
        [0.999_8, 0.626, 0.576, 0.576],
    ),
];

fn compare<'a>(a: &'a StandardPerson, b: &'a StandardPerson) -> Option<Compared<'a>> {
    if a.emails.is_empty() || b.emails.is_empty() {
        return None;
    }
    let mut shared = a
        .emails
        .iter()
        .filter(|email| b.emails.contains(email))
        .peekable();
    if shared.peek().is_some() {
        return plain(usize::from(
            !shared.any(|email| carries(email, a) || carries(email, b)),
        ));
    }
    let any = |test: fn(&str, &str) -> bool| a.emails.iter().any(|x| b.emails.iter().any(|y| test(x, y)));
    if any(is_near) {
        return plain(2);
    }
    plain(if any(|x, y| x.split('@').next() == y.split('@').next()) {
        3
    } else {
        4
    })
}

/// True where one was mistyped. Numbers tell namesakes apart (`john34@`, `john790@`): they must be the same.
fn is_near(x: &str, y: &str) -> bool {
    one_edit_apart(x, y) || is_similar(x, y, 0.95) && digits(x).eq(digits(y))
}

fn digits(email: &str) -> impl Iterator<Item = u8> + '_ {
    let local = email.split('@').next().unwrap_or_default();
    local.bytes().filter(u8::is_ascii_digit)
}

/// True where the part before the @ holds the given name: such an address is more often one person's own.
fn carries(email: &str, person: &StandardPerson) -> bool {
    let local = email.split('@').next().unwrap_or_default();
    let holds = |name: &str| name.len() >= 3 && local.contains(name);
    holds(&person.given) || holds(&person.given_canonical)
}
