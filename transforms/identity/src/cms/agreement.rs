//! Which fields of two profiles agree, and which combinations that fulfils.

use super::combinations::{CombinationId, Field, FieldSet, Rules};
use super::profile::{Birth, Profile, Street};
use crate::comparison::one_edit_apart;
use panorama_model::Text;
use rapidfuzz::distance::osa;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Characters a name needs before one edit may be forgiven: shorter ones are one edit from many other names.
const FUZZY_NAME_CHARACTERS_MIN: usize = 5;

/// Days by which a fuzzy birth date may differ.
const FUZZY_BIRTH_DAYS: u32 = 1;

/// A combination that a pair fulfils.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CombinationMatch {
    /// The one field that agrees almost only; `None` where all agree exactly. Exact ones sort first.
    pub fuzzy: Option<Field>,
    /// Its number.
    pub combination: CombinationId,
}

/// The combinations that two profiles fulfil: the exact ones first, then by number.
///
/// - Shape: symmetric; empty where nothing is fulfilled or a veto stands (Jr and Sr, a test record and a real one).
/// - Spec: at most one field of a combination may be fuzzy, and only where the combination says so.
pub fn satisfied(rules: Rules, a: &Profile, b: &Profile) -> SmallVec<[CombinationMatch; 4]> {
    let mut found = SmallVec::new();
    if is_vetoed(a, b) {
        return found;
    }
    let exact: FieldSet = fields(|field| agree(field, a, b));
    let near = fields(|field| !FieldSet::of(field).is_subset(exact) && nearly_agree(field, a, b));
    for combination in rules.combinations() {
        let inexact = combination.fields.without(exact);
        if inexact.len() <= 1 && inexact.is_subset(near) && inexact.is_subset(combination.fuzzy) {
            found.push(CombinationMatch {
                fuzzy: inexact.iter().next(),
                combination: combination.id,
            });
        }
    }
    found.sort_unstable();
    found
}

fn fields(agrees: impl Fn(Field) -> bool) -> FieldSet {
    let agreeing = Field::ALL.into_iter().filter(|field| agrees(*field));
    agreeing.fold(FieldSet::EMPTY, |set, field| set.with(FieldSet::of(field)))
}

/// True where no generation of one fits any of the other, or one is made for a test.
fn is_vetoed(a: &Profile, b: &Profile) -> bool {
    let known = !a.generations.is_empty() && !b.generations.is_empty();
    let fits = || {
        let mut pairs = a
            .generations
            .iter()
            .flat_map(|x| b.generations.iter().map(move |y| (x, y)));
        pairs.any(|(x, y)| !x.conflicts(*y))
    };
    a.test != b.test || known && !fits()
}

fn agree(field: Field, a: &Profile, b: &Profile) -> bool {
    match field {
        Field::BirthDate => any(&a.birth_dates, &b.birth_dates, |x, y| x.date == y.date),
        Field::StreetLine => any(&a.streets, &b.streets, |x, y| x.line == y.line),
        Field::SocialSecurity | Field::TaxpayerId => any(a.last_fours(field), b.last_fours(field), u16::eq),
        _ => any(a.texts(field), b.texts(field), Text::eq),
    }
}

/// True where a field that may be fuzzy agrees almost.
fn nearly_agree(field: Field, a: &Profile, b: &Profile) -> bool {
    match field {
        Field::FirstName | Field::LastName => any(a.texts(field), b.texts(field), is_near_name),
        Field::BirthDate => any(&a.birth_dates, &b.birth_dates, is_near_date),
        Field::StreetLine => any(&a.streets, &b.streets, is_near_street),
        _ => false,
    }
}

fn is_near_name(x: &Text, y: &Text) -> bool {
    let long = |name: &str| name.chars().nth(FUZZY_NAME_CHARACTERS_MIN - 1).is_some();
    long(x) && long(y) && is_one_edit(x, y)
}

fn is_near_date(x: &Birth, y: &Birth) -> bool {
    !x.weak && !y.weak && x.date.0.abs_diff(y.date.0) <= FUZZY_BIRTH_DAYS
}

fn is_near_street(x: &Street, y: &Street) -> bool {
    !x.postal_code.is_empty() && x.postal_code == y.postal_code && is_one_edit(&x.line, &y.line)
}

/// True where one character was changed, added or lost, or two neighbours swapped (Damerau-Levenshtein distance 1).
fn is_one_edit(x: &str, y: &str) -> bool {
    if x.is_ascii() && y.is_ascii() {
        return one_edit_apart(x, y);
    }
    // At distance 1 optimal string alignment and Damerau-Levenshtein are the same.
    osa::distance(x.chars(), y.chars()) == 1
}

fn any<T>(a: &[T], b: &[T], fits: impl Fn(&T, &T) -> bool) -> bool {
    a.iter().any(|x| b.iter().any(|y| fits(x, y)))
}
