//! Blocking: the keys under which candidate pairs meet.

use crate::comparison::is_findable_identifier;
use crate::model::BlockingRule;
use crate::score::Scorer;
use panorama_standardize::{StandardAddress, StandardPerson};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// 64 bits that stand for one rule and one value of it: the same on every machine, in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockKey(pub u64);

/// The blocks of one record, ascending, without repeats.
pub type BlockKeys = SmallVec<[BlockKey; 16]>;

/// The contact points and strong identifiers of one record, ascending, without repeats.
pub type AnchorKeys = SmallVec<[BlockKey; 4]>;

/// Seeds beyond those of blocking rules.
const ANCHOR_CONTACT: u64 = 0x100;
const ANCHOR_IDENTIFIER: u64 = 0x101;
/// Contact-point records lie under the same anchors with another salt.
const CONTACT_SIDE: u64 = 0x9e37_79b9_7f4a_7c15;

impl BlockKey {
    /// The block that lists the contact-point records of an anchor, where the key itself lists its full records.
    pub(crate) const fn contact_side(self) -> Self {
        Self(self.0 ^ CONTACT_SIDE)
    }

    pub(crate) fn of(seed: u64, parts: &[&[u8]]) -> Self {
        let mut bytes: SmallVec<[u8; 96]> = SmallVec::new();
        for part in parts {
            bytes.extend_from_slice(part);
            bytes.push(0x1f);
        }
        Self(xxh3_64_with_seed(&bytes, seed))
    }
}

/// What can be computed of a record without state.
pub(crate) struct Indexed {
    /// What the model sees of it, where that is not what it says.
    pub(crate) matched: Option<Box<StandardPerson>>,
    pub(crate) blocks: BlockKeys,
    pub(crate) anchors: AnchorKeys,
}

impl Scorer {
    /// Indexes what a record of this source says.
    pub(crate) fn indexed(&self, source: &str, person: &StandardPerson) -> Indexed {
        let matched = self.declared.matched(source, person);
        let seen = matched.as_deref().unwrap_or(person);
        Indexed {
            blocks: self.blocking_keys(seen),
            anchors: Self::anchors(seen),
            matched,
        }
    }

    /// The blocks of a record under the model's rules, of what the model sees of it.
    ///
    /// - Nulls: a rule gives no key where one of its fields is missing; contact points lie in no block, records of
    ///   unreliable identity in those of numbers only.
    pub fn blocking_keys(&self, person: &StandardPerson) -> BlockKeys {
        let mut keys = BlockKeys::new();
        if person.is_contact_point() {
            return keys;
        }
        let fields = Fields::of(person);
        for rule in &self.model.blocking_rules {
            let by_number = matches!(rule, BlockingRule::Identifier | BlockingRule::SocialSecurity);
            if by_number || !person.flags.unreliable {
                fields.keys_of(*rule, &mut keys);
            }
        }
        if !person.flags.unreliable {
            self.declared.keys_of(person, &mut keys);
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The contact points and identifiers by which contact-point records attach, strong ones told apart.
    pub(crate) fn anchors(person: &StandardPerson) -> AnchorKeys {
        let mut keys = AnchorKeys::new();
        for contact in person.phones.iter().chain(&person.emails) {
            keys.push(BlockKey::of(ANCHOR_CONTACT, &[contact.as_bytes()]));
        }
        keys.extend(Self::strong_anchors(person));
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// The issued identifiers among the anchors.
    pub(crate) fn strong_anchors(person: &StandardPerson) -> impl Iterator<Item = BlockKey> + '_ {
        person
            .identifiers
            .iter()
            .filter(|i| is_findable_identifier(i))
            .map(|i| BlockKey::of(ANCHOR_IDENTIFIER, &[i.authority.as_bytes(), i.value.as_bytes()]))
    }
}

/// The fields rules are made of, computed once per record.
struct Fields<'a> {
    person: &'a StandardPerson,
    /// Year, month, day where all are known and the date is not a weak one.
    date: Option<[u8; 4]>,
    year: Option<[u8; 2]>,
    /// No phone and no e-mail is known.
    unreachable: bool,
    /// No number, phone or street is known.
    sparse: bool,
    /// Both names in alphabetical order, so that exchanged fields meet.
    names: Option<[&'a [u8]; 2]>,
    /// How both sound, in alphabetical order.
    sounds: Option<[[u8; 4]; 2]>,
}

impl<'a> Fields<'a> {
    fn of(person: &'a StandardPerson) -> Self {
        let birth = person.birth_date.map(|b| b.date);
        let given = person.given_canonical.as_bytes();
        let family = person.family.as_bytes();
        let names = (given.len() > 1 && !family.is_empty()).then(|| {
            if given <= family {
                [given, family]
            } else {
                [family, given]
            }
        });
        Self {
            person,
            date: birth.filter(|d| d.day > 0).map(|d| {
                let [high, low] = d.year.to_be_bytes();
                [high, low, d.month, d.day]
            }),
            year: birth.map(|d| d.year.to_be_bytes()),
            unreachable: person.phones.is_empty() && person.emails.is_empty(),
            sparse: person.phones.is_empty()
                && person.ssn.is_none()
                && person.identifiers.is_empty()
                && !person.addresses.iter().any(StandardAddress::has_street),
            names,
            sounds: names.map(|_| {
                let (x, y) = (soundex(&person.given_canonical), soundex(&person.family));
                [x.min(y), x.max(y)]
            }),
        }
    }

    fn keys_of(&self, rule: BlockingRule, keys: &mut BlockKeys) {
        let seed = rule as u64;
        let mut add = |parts: &[&[u8]]| keys.push(BlockKey::of(seed, parts));
        match rule {
            BlockingRule::SocialSecurity
            | BlockingRule::SocialSecurityPart
            | BlockingRule::Identifier
            | BlockingRule::Email
            | BlockingRule::Phone => self.number_keys_of(rule, &mut add),
            BlockingRule::Names => self.names.iter().for_each(|[x, y]| add(&[x, y])),
            BlockingRule::Sounds => self.sounds.iter().for_each(|[x, y]| add(&[x, y])),
            BlockingRule::AddressInitial
            | BlockingRule::NamesPostalCode
            | BlockingRule::NamesCity
            | BlockingRule::SoundsPostalCode
            | BlockingRule::UnreachablePostalCode
            | BlockingRule::UnreachableStreet => self.place_keys_of(rule, &mut add),
            _ => {
                self.date_keys_of(rule, &mut add);
                if self.sparse {
                    self.sparse_keys_of(rule, &mut add);
                }
            }
        }
    }

    /// The rules over numbers, phones and e-mail addresses.
    fn number_keys_of(&self, rule: BlockingRule, add: &mut impl FnMut(&[&[u8]])) {
        let person = self.person;
        let ssn = person.ssn.and_then(|s| s.whole());
        match rule {
            BlockingRule::SocialSecurity => ssn.iter().for_each(|number| add(&[&number.to_be_bytes()])),
            BlockingRule::SocialSecurityPart => {
                if let (Some(number), Some(initial)) = (ssn, person.family.as_bytes().get(..1)) {
                    add(&[&(number / 10_000).to_be_bytes(), initial]);
                    add(&[&(number % 10_000).to_be_bytes(), b"-", initial]);
                }
            }
            BlockingRule::Identifier => {
                for i in person.identifiers.iter().filter(|i| is_findable_identifier(i)) {
                    add(&[i.authority.as_bytes(), i.value.as_bytes()]);
                }
            }
            BlockingRule::Email => person.emails.iter().for_each(|e| add(&[e.as_bytes()])),
            BlockingRule::Phone => person.phones.iter().for_each(|p| add(&[p.as_bytes()])),
            _ => {}
        }
    }

    /// The rules over addresses.
    fn place_keys_of(&self, rule: BlockingRule, add: &mut impl FnMut(&[&[u8]])) {
        let person = self.person;
        let family = person.family.as_bytes();
        for address in &person.addresses {
            let code = Some(address.postal_code.as_bytes()).filter(|code| !code.is_empty());
            let city = Some(address.city.as_bytes()).filter(|city| !city.is_empty());
            let street = Some(address.street.as_bytes()).filter(|street| !street.is_empty());
            let alone = || self.unreachable && !family.is_empty();
            match (rule, self.names, self.sounds) {
                (BlockingRule::AddressInitial, _, _) if address.has_street() => {
                    if let Some(initial) = person.given_canonical.as_bytes().get(..1) {
                        add(&[address.number.as_bytes(), address.street.as_bytes(), initial]);
                    }
                }
                (BlockingRule::NamesPostalCode, Some([x, y]), _) => code.iter().for_each(|c| add(&[x, y, c])),
                (BlockingRule::NamesCity, Some([x, y]), _) => city.iter().for_each(|c| add(&[x, y, c])),
                (BlockingRule::SoundsPostalCode, _, Some([x, y])) => {
                    code.iter().for_each(|c| add(&[&x, &y, c]));
                }
                (BlockingRule::UnreachablePostalCode, _, _) if alone() => {
                    code.iter().for_each(|c| add(&[family, c]));
                }
                (BlockingRule::UnreachableStreet, _, _) if alone() => {
                    street.iter().for_each(|s| add(&[family, s]));
                }
                _ => {}
            }
        }
    }

    /// The rules for records that say little: each has few fields to meet by, and a typing error in one is soon all.
    fn sparse_keys_of(&self, rule: BlockingRule, add: &mut impl FnMut(&[&[u8]])) {
        let person = self.person;
        let given = Some(person.given_canonical.as_bytes()).filter(|given| given.len() > 1);
        let family = Some(person.family.as_bytes()).filter(|family| !family.is_empty());
        let places = || {
            let places = person.addresses.iter().map(|a| {
                if a.city.is_empty() {
                    &a.postal_code
                } else {
                    &a.city
                }
            });
            places.filter(|place| !place.is_empty())
        };
        let emails = || person.emails.iter().filter_map(|email| email.split_once('@'));
        match rule {
            BlockingRule::SparseBirthDate => self.date.iter().for_each(|date| add(&[date])),
            BlockingRule::SparseGivenBirthYear => {
                self.year
                    .zip(given)
                    .iter()
                    .for_each(|(year, given)| add(&[year, given]));
            }
            BlockingRule::SparseFamilyBirthYear => {
                self.year
                    .zip(family)
                    .iter()
                    .for_each(|(year, family)| add(&[year, family]));
            }
            BlockingRule::SparseGivenPlace => {
                given
                    .iter()
                    .for_each(|given| places().for_each(|place| add(&[given, place.as_bytes()])));
            }
            BlockingRule::SparseFamilyPlace => {
                family
                    .iter()
                    .for_each(|family| places().for_each(|place| add(&[family, place.as_bytes()])));
            }
            BlockingRule::SparseEmailLocal => emails().for_each(|(local, _)| add(&[local.as_bytes()])),
            BlockingRule::SparseEmailDomain => emails().for_each(|(_, domain)| add(&[domain.as_bytes()])),
            _ => {}
        }
    }

    /// The rules that need the birth date.
    fn date_keys_of(&self, rule: BlockingRule, add: &mut impl FnMut(&[&[u8]])) {
        let person = self.person;
        match (rule, self.date, self.names) {
            (BlockingRule::FamilyBirthDate, Some(date), _) => {
                person
                    .families()
                    .for_each(|family| add(&[family.as_bytes(), &date]));
            }
            (BlockingRule::GivenBirthDate, Some(date), _) if person.given.len() > 1 => {
                add(&[person.given_canonical.as_bytes(), &date]);
            }
            (BlockingRule::InitialsBirthDate, Some(date), _) => {
                let initial = |name: &'_ str| name.as_bytes().first().copied();
                if let (Some(x), Some(y)) = (initial(&person.given), initial(&person.family)) {
                    // Day and month in any order, as the initials.
                    let [high, low, month, day] = date;
                    add(&[&[x.min(y), x.max(y), high, low, month.min(day), month.max(day)]]);
                }
            }
            (BlockingRule::BirthDatePostalCode, Some(date), _) => {
                let codes = person.addresses.iter().map(|a| &a.postal_code);
                codes
                    .filter(|c| !c.is_empty())
                    .for_each(|code| add(&[&date, code.as_bytes()]));
            }
            (BlockingRule::BirthDateLastFour, Some(date), _) => {
                if let Some(ssn) = person.ssn {
                    add(&[&date, &ssn.last_four().to_be_bytes()]);
                }
            }
            (BlockingRule::NamesBirthday, Some([_, _, month, day]), Some([first, second])) => {
                add(&[first, second, &[month, day]]);
            }
            (BlockingRule::NamesBirthYear, _, Some([first, second])) => {
                if let Some(year) = self.year {
                    add(&[first, second, &year]);
                }
            }
            (BlockingRule::SoundsBirthYear, _, _) => {
                if let (Some(year), Some([x, y])) = (self.year, self.sounds) {
                    add(&[&x, &y, &year]);
                }
            }
            (BlockingRule::FamilyInitialBirthYear, _, _) => {
                if let (Some(year), Some(initial)) = (self.year, person.given_canonical.as_bytes().get(..1)) {
                    person
                        .families()
                        .for_each(|family| add(&[family.as_bytes(), &year, initial]));
                }
            }
            (BlockingRule::GivenInitialBirthYear, _, Some(_)) => {
                if let (Some(year), Some(initial)) = (self.year, person.family.as_bytes().get(..1)) {
                    add(&[person.given_canonical.as_bytes(), &year, initial]);
                }
            }
            _ => {}
        }
    }
}

/// The American Soundex code of a folded name.
///
/// - Spec: US National Archives, "The Soundex Indexing System": h and w do not part equal codes, vowels do.
pub(crate) fn soundex(name: &str) -> [u8; 4] {
    let code = |letter: u8| match letter {
        b'b' | b'f' | b'p' | b'v' => b'1',
        b'c' | b'g' | b'j' | b'k' | b'q' | b's' | b'x' | b'z' => b'2',
        b'd' | b't' => b'3',
        b'l' => b'4',
        b'm' | b'n' => b'5',
        b'r' => b'6',
        b'h' | b'w' => b'-',
        _ => b'0',
    };
    let mut out = [b'0'; 4];
    let mut letters = name.bytes();
    let Some(first) = letters.next() else {
        return out;
    };
    let mut last = code(first);
    let mut places = out.iter_mut();
    if let Some(place) = places.next() {
        *place = first;
    }
    for letter in letters {
        let digit = code(letter);
        if digit == b'-' {
            continue;
        }
        if digit != b'0' && digit != last {
            match places.next() {
                Some(place) => *place = digit,
                None => break,
            }
        }
        last = digit;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use panorama_model::PartialDate;
    use panorama_standardize::BirthDate;

    fn person(given: &str, family: &str) -> StandardPerson {
        StandardPerson {
            given: given.into(),
            given_canonical: given.into(),
            family: family.into(),
            birth_date: Some(BirthDate {
                date: PartialDate::from_ymd(1980, 2, 29).unwrap(),
                weak: false,
            }),
            ..StandardPerson::default()
        }
    }

    #[test]
    fn sounds() {
        let check = |name: &str, expected: &[u8; 4]| assert_eq!(&soundex(name), expected, "{name}");
        check("robert", b"r163");
        check("rupert", b"r163");
        check("ashcraft", b"a261");
        check("tymczak", b"t522");
        check("pfister", b"p236");
        check("lee", b"l000");
        check("", b"0000");
    }

    #[test]
    fn misspelt_and_exchanged_names_meet() {
        let scorer = Scorer::shipped();
        let meets = |a: &StandardPerson, b: &StandardPerson| {
            let other = scorer.blocking_keys(b);
            scorer.blocking_keys(a).iter().any(|key| other.contains(key))
        };
        assert!(meets(&person("maria", "ruiz"), &person("ruiz", "maria")));
        assert!(meets(&person("maria", "ruiz"), &person("marie", "ruitz")));
        let mut peter = person("peter", "keller");
        assert!(
            meets(&person("maria", "ruiz"), &peter),
            "little else is known than one birth date"
        );
        peter.phones.push("+14145550123".into());
        assert!(!meets(&person("maria", "ruiz"), &peter));
    }

    #[test]
    fn contact_points_lie_in_no_block() {
        let caller = StandardPerson {
            phones: ["+14145550123".into()].into_iter().collect(),
            ..StandardPerson::default()
        };
        assert!(Scorer::shipped().blocking_keys(&caller).is_empty());
        assert_eq!(Scorer::anchors(&caller).len(), 1);
    }
}
