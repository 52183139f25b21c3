//! What can be wrong with declarations, each with its place in the model file and a hint.

use super::{
    Declarations, DeclaredBlocking, DeclaredComparison, DeclaredIdentifier, DeclaredLevel, Field, Identifies,
    LevelTest, SourceTrust,
};
use crate::comparison;
use crate::declared::identifiers::authority_name;
use panorama_standardize::email;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Blocking rules that can be declared: each costs every record a key or more.
const BLOCKING_MAX: usize = 16;
/// Fields of one rule.
const KEYS_MAX: usize = 6;
/// Comparisons that can be declared: each costs every candidate pair.
const COMPARISONS_MAX: usize = 16;
/// Levels of one comparison.
const LEVELS_MAX: usize = 16;
/// By how much probabilities that should add up to 1 may miss it: they are written rounded.
const SUM_SLACK: f32 = 0.02;

/// One thing wrong with a model's declarations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclarationProblem {
    /// Its place in the model file (`declared.blocking[1].keys`).
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl fmt::Display for DeclarationProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.message, self.hint)
    }
}

/// Gathers problems.
#[derive(Default)]
struct Problems(Vec<DeclarationProblem>);

impl Problems {
    fn add(&mut self, place: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) {
        self.0.push(DeclarationProblem {
            place: place.into(),
            message: message.into(),
            hint: hint.into(),
        });
    }
}

impl Declarations {
    /// Everything that is wrong, in the order of the file.
    pub fn problems(&self) -> Vec<DeclarationProblem> {
        let mut out = Problems::default();
        self.check_blocking(&mut out);
        self.check_comparisons(&mut out);
        self.check_blocked(&mut out);
        self.check_identifiers(&mut out);
        self.check_sources(&mut out);
        out.0
    }

    fn check_blocking(&self, out: &mut Problems) {
        if self.blocking.len() > BLOCKING_MAX {
            let message = format!(
                "{} rules, at most {BLOCKING_MAX} can be declared",
                self.blocking.len()
            );
            out.add(
                "declared.blocking",
                message,
                "each costs every record time and space: keep those that find most",
            );
        }
        let mut known: BTreeMap<Vec<&Field>, usize> = BTreeMap::new();
        for (at, DeclaredBlocking { keys }) in self.blocking.iter().enumerate() {
            let place = format!("declared.blocking[{at}].keys");
            let fields: BTreeSet<&Field> = keys.iter().collect();
            if keys.is_empty() || keys.len() > KEYS_MAX {
                let message = format!("{} fields, a rule has 1 to {KEYS_MAX}", keys.len());
                out.add(
                    &place,
                    message,
                    "name the fields that must all agree, such as [\"family_name_sound\", \"birth_year\"]",
                );
            } else if fields.len() < keys.len() {
                out.add(&place, "a field stands twice", "name each field once");
            } else if keys.iter().all(Field::is_coarse) {
                let hint =
                    "add a field that few share, such as family_name or birth_date: larger blocks are void";
                out.add(&place, "too many people share these values", hint);
            }
            check_authorities(keys, &place, out);
            if let Some(first) = known.insert(fields.into_iter().collect(), at) {
                out.add(
                    &place,
                    format!("the same fields as declared.blocking[{first}]"),
                    "remove one of the two",
                );
            }
        }
    }

    fn check_comparisons(&self, out: &mut Problems) {
        if self.comparisons.len() > COMPARISONS_MAX {
            let message = format!(
                "{} comparisons, at most {COMPARISONS_MAX} can be declared",
                self.comparisons.len()
            );
            out.add(
                "declared.comparisons",
                message,
                "each costs every candidate pair: keep those that tell most",
            );
        }
        let mut names = BTreeSet::new();
        for (at, declared) in self.comparisons.iter().enumerate() {
            let place = format!("declared.comparisons[{at}]");
            let name = declared.name.as_str();
            let is_known = comparison::ALL.iter().any(|c| c.name == name);
            if name.trim().is_empty() || is_known || !names.insert(name) {
                let message = format!("the name {name:?} is empty or taken");
                out.add(
                    format!("{place}.name"),
                    message,
                    "give each comparison a name of its own",
                );
            }
            check_authorities(
                std::slice::from_ref(&declared.field),
                &format!("{place}.field"),
                out,
            );
            check_levels(declared, &place, out);
        }
    }

    fn check_blocked(&self, out: &mut Problems) {
        let blocked = &self.blocked;
        for (at, phone) in blocked.phones.iter().enumerate() {
            if phone.bytes().filter(u8::is_ascii_digit).count() < 7 {
                let place = format!("declared.blocked.phones[{at}]");
                out.add(
                    place,
                    "not a phone number",
                    "write it with its area code: 414-555-0123, or +44 20 7946 0018",
                );
            }
        }
        for (at, address) in blocked.emails.iter().enumerate() {
            let is_domain = address
                .trim()
                .strip_prefix('@')
                .is_some_and(|domain| domain.contains('.'));
            if !is_domain && !address.contains('@') && email::standardize(address).is_none() {
                let place = format!("declared.blocked.emails[{at}]");
                out.add(
                    place,
                    "not an e-mail address",
                    "write name@example.org, or @example.org for all of a domain",
                );
            }
        }
        for (at, address) in blocked.addresses.iter().enumerate() {
            if address.standard().is_none() {
                let place = format!("declared.blocked.addresses[{at}].line");
                out.add(
                    place,
                    "no house number and street",
                    "write the line as sources do: 100 Main St, or PO Box 12",
                );
            }
        }
        for (at, identifier) in blocked.identifiers.iter().enumerate() {
            if identifier.value.trim().is_empty() {
                let place = format!("declared.blocked.identifiers[{at}].value");
                out.add(place, "empty", "write the number that stands for none");
            }
        }
        for (at, number) in blocked.social_security.iter().enumerate() {
            if number.bytes().filter(u8::is_ascii_digit).count() != 9 {
                let place = format!("declared.blocked.social_security[{at}]");
                out.add(
                    place,
                    "not nine digits",
                    "write the whole number, with or without hyphens",
                );
            }
        }
        for (at, name) in blocked.names.iter().enumerate() {
            if name.given.trim().is_empty() && name.family.trim().is_empty() {
                let place = format!("declared.blocked.names[{at}]");
                out.add(
                    place,
                    "neither given nor family name",
                    "write one of them, or both where only the two together are blocked",
                );
            }
        }
    }

    fn check_identifiers(&self, out: &mut Problems) {
        let mut of_alias: BTreeMap<_, usize> = BTreeMap::new();
        for (at, rule) in self.identifiers.iter().enumerate() {
            let place = format!("declared.identifiers[{at}]");
            check_identifier(rule, &place, out);
            let earlier = self.identifiers.iter().take(at);
            if let Some(first) = earlier
                .enumerate()
                .find(|(_, first)| first.covers(rule))
                .map(|(first, _)| first)
            {
                let hint = "the first that fits counts: put the narrower one before it, or give them different kinds";
                out.add(
                    &place,
                    format!("declared.identifiers[{first}] speaks of the same numbers"),
                    hint,
                );
            }
            for (alias_at, alias) in rule.aliases.iter().enumerate() {
                let place = format!("{place}.aliases[{alias_at}]");
                let (alias, own) = (authority_name(alias), authority_name(&rule.authority));
                let is_name = self
                    .identifiers
                    .iter()
                    .any(|r| authority_name(&r.authority) == alias);
                if alias.is_empty() || is_name {
                    out.add(
                        &place,
                        "empty, or the name of an authority itself",
                        "write another name under which the authority is sent",
                    );
                } else if let Some(first) = of_alias.insert(alias, at)
                    && self
                        .identifiers
                        .get(first)
                        .is_some_and(|r| authority_name(&r.authority) != own)
                {
                    let message =
                        format!("declared.identifiers[{first}] has the alias for another authority");
                    out.add(&place, message, "an alias names one authority");
                }
            }
        }
    }

    fn check_sources(&self, out: &mut Problems) {
        let mut known = BTreeSet::new();
        for (at, trust) in self.sources.iter().enumerate() {
            let SourceTrust {
                source,
                probability_max,
                ignore,
            } = trust;
            let place = format!("declared.sources[{at}]");
            if source.trim().is_empty() || !known.insert(source) {
                out.add(
                    format!("{place}.source"),
                    "empty, or said before",
                    "name each source once, by its id in the configuration",
                );
            }
            if probability_max.is_some_and(|p| !(p > 0.0 && p < 1.0)) {
                let hint = "between 0 and 1: below identity.auto_link_probability a steward is asked";
                out.add(format!("{place}.probability_max"), "not a probability", hint);
            }
            if probability_max.is_none() && ignore.is_empty() {
                out.add(&place, "says nothing", "add probability_max or ignore");
            }
        }
    }
}

fn check_authorities(fields: &[Field], place: &str, out: &mut Problems) {
    for field in fields {
        if let Field::IdentifierOf(authority) = field
            && (authority.is_empty() || *authority != authority_name(authority))
        {
            let message = format!("identifier_of {authority:?} fits no identifier");
            out.add(
                place,
                message,
                "authorities are compared in upper case: write it so",
            );
        }
    }
}

/// A probability of a level.
type Share = fn(&DeclaredLevel) -> f32;

fn check_levels(declared: &DeclaredComparison, place: &str, out: &mut Problems) {
    let levels = &declared.levels;
    if !(2..=LEVELS_MAX).contains(&levels.len()) {
        let message = format!("{} levels, a comparison has 2 to {LEVELS_MAX}", levels.len());
        out.add(
            format!("{place}.levels"),
            message,
            "the closest first, the last with the test \"otherwise\"",
        );
        return;
    }
    let mut names = BTreeSet::new();
    for (at, level) in levels.iter().enumerate() {
        let place = format!("{place}.levels[{at}]");
        if level.name.trim().is_empty() || !names.insert(level.name.as_str()) {
            out.add(
                format!("{place}.name"),
                "empty, or the name of another level",
                "give each level a name of its own",
            );
        }
        let is_last = at + 1 == levels.len();
        if is_last != (level.test == LevelTest::Otherwise) {
            let hint = "the last level, and only the last, has the test \"otherwise\"";
            out.add(format!("{place}.test"), "in the wrong place", hint);
        }
        check_test(level.test, &declared.field, &format!("{place}.test"), out);
        for (name, p) in [
            ("m", Some(level.m)),
            ("u", Some(level.u)),
            ("household", level.household),
        ] {
            if p.is_some_and(|p| !(p > 0.0 && p <= 1.0)) {
                let hint = "above 0 and at most 1: what never happens is written as 0.000001";
                out.add(format!("{place}.{name}"), "not a probability", hint);
            }
        }
    }
    let said = levels.iter().filter(|level| level.household.is_some()).count();
    if said != 0 && said != levels.len() {
        let hint = "say it for each level or for none (it is that of strangers then)";
        out.add(
            format!("{place}.levels"),
            "household is said for some levels only",
            hint,
        );
    }
    let sums: [(&str, Share); 3] = [
        ("m", |level| level.m),
        ("u", |level| level.u),
        ("household", |level| level.household.unwrap_or(level.u)),
    ];
    for (name, of) in sums {
        let sum: f32 = levels.iter().map(of).sum();
        if (sum - 1.0).abs() > SUM_SLACK && (name != "household" || said == levels.len()) {
            let message = format!("the {name} of all levels add up to {sum:.3}");
            out.add(
                format!("{place}.levels"),
                message,
                "every pair falls into one level: they add up to 1",
            );
        }
    }
}

fn check_test(test: LevelTest, field: &Field, place: &str, out: &mut Problems) {
    match test {
        LevelTest::JaroWinklerMin(min) if !(0.6..1.0).contains(&min) => {
            let hint = "between 0.6 and 1: less is no likeness, and 1 is \"exact\"";
            out.add(place, "not a similarity", hint);
        }
        LevelTest::DifferenceMax(_) if !field.is_number() => {
            let hint = "numbers are birth_year, house_number, postal_code and identifier_of";
            out.add(place, "the field is no number", hint);
        }
        LevelTest::Prefix(0) => out.add(place, "no characters", "at least 1"),
        _ => {}
    }
}

fn check_identifier(rule: &DeclaredIdentifier, place: &str, out: &mut Problems) {
    if rule.authority.trim().is_empty() && rule.kinds.is_empty() {
        out.add(
            place,
            "speaks of no identifiers",
            "name an authority, kinds, or both",
        );
    }
    if rule.authority.trim().is_empty() && !rule.aliases.is_empty() {
        out.add(
            format!("{place}.aliases"),
            "of no authority",
            "name the authority they stand for",
        );
    }
    if rule.aliases.is_empty() && rule.identifies.is_none() && rule.one_per_person.is_none() {
        out.add(place, "says nothing", "add identifies, one_per_person or aliases");
    }
    if rule.one_per_person.is_some() && rule.identifies.is_some_and(|i| i != Identifies::Person) {
        let hint = "only numbers that stand for one person can be one a person";
        out.add(format!("{place}.one_per_person"), "contradicts identifies", hint);
    }
}

impl DeclaredIdentifier {
    /// True where everything the other speaks of is spoken of here.
    fn covers(&self, other: &Self) -> bool {
        let (own, others) = (authority_name(&self.authority), authority_name(&other.authority));
        self.says_meaning()
            && (own.is_empty() || own == others)
            && (self.kinds.is_empty()
                || !other.kinds.is_empty() && other.kinds.iter().all(|kind| self.kinds.contains(kind)))
    }
}
