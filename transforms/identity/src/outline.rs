//! What tells most candidates apart, in two cache lines: a record's outline. Its numbers and dates are there as they stand,
//! of words what bounds how close two of them can be. A glance at two outlines costs less than fetching one record.

use crate::comparison::{is_findable_identifier, sounds};
use panorama_model::Sex;
use panorama_standardize::{BirthDate, Generation, SocialSecurity, StandardAddress, StandardPerson};
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// The outline of one record, of what the model sees of it.
#[derive(Clone, Copy, Default, PartialEq)]
#[repr(align(64))]
pub struct Outline {
    pub(crate) birth_date: Option<BirthDate>,
    pub(crate) sex: Option<Sex>,
    pub(crate) generation: Option<Generation>,
    pub(crate) ssn: Option<SocialSecurity>,
    pub(crate) given: Word,
    pub(crate) middle: Word,
    pub(crate) family: Word,
    pub(crate) initials: Initials,
    pub(crate) sounds: Sounds,
    pub(crate) phones: [PackedPhone; 2],
    pub(crate) email: Word,
    /// What stands before the @.
    pub(crate) mailbox: u32,
    /// The digits in it.
    pub(crate) mailbox_digits: u32,
    pub(crate) number: Word,
    pub(crate) street: Word,
    pub(crate) city: Word,
    /// 0 where there is none.
    pub(crate) postal_code: u32,
    /// A bit for each identifier that may find candidates, the same for the same one.
    pub(crate) identifiers: u64,
    /// There are more than an outline holds: nothing is known of those.
    pub(crate) open: Open,
}

/// First letters, 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Initials {
    pub(crate) given: u8,
    pub(crate) middle: u8,
    pub(crate) family: u8,
}

/// How names sound, in 16 bits: the same for the same sound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sounds {
    pub(crate) given: u16,
    pub(crate) family: u16,
}

/// Lists of which an outline holds nothing because they are longer than usual.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Open {
    pub(crate) family: bool,
    pub(crate) phones: bool,
    pub(crate) emails: bool,
    pub(crate) addresses: bool,
}

impl fmt::Debug for Outline {
    /// A birth date and a number are patient data (INV-8).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outline").finish_non_exhaustive()
    }
}

impl Outline {
    /// The outline of a person.
    pub fn of(person: &StandardPerson) -> Self {
        let initial = |name: &str| name.as_bytes().first().copied().unwrap_or(0);
        let mut out = Self {
            birth_date: person.birth_date,
            sex: person.sex,
            generation: person.generation,
            ssn: person.ssn,
            given: Word::of(&person.given),
            middle: Word::of(&person.middle),
            family: Word::of(&person.family),
            initials: Initials {
                given: initial(&person.given),
                middle: initial(&person.middle),
                family: initial(&person.family),
            },
            sounds: Sounds {
                given: sound(&person.given),
                family: sound(&person.family),
            },
            open: Open {
                family: !person.other_families.is_empty(),
                phones: person.phones.len() > 2,
                emails: person.emails.len() > 1,
                addresses: person.addresses.len() > 1,
            },
            ..Self::default()
        };
        for (slot, phone) in out.phones.iter_mut().zip(&person.phones) {
            match PackedPhone::of(phone) {
                Some(packed) => *slot = packed,
                None => out.open.phones = true,
            }
        }
        if let [email] = person.emails.as_slice() {
            let local = email.split('@').next().unwrap_or_default();
            out.email = Word::of(email);
            out.mailbox = hash(local);
            let digits = local.bytes().filter(u8::is_ascii_digit);
            out.mailbox_digits = digits.fold(0, |sum: u32, digit| {
                sum.wrapping_mul(31).wrapping_add(u32::from(digit))
            });
        }
        if let [address] = person.addresses.as_slice() {
            out.add_address(address);
        }
        for i in person.identifiers.iter().filter(|i| is_findable_identifier(i)) {
            let both = hash(&i.authority).rotate_left(7) ^ hash(&i.value);
            out.identifiers |= 1 << (both >> 26);
        }
        out
    }

    fn add_address(&mut self, address: &StandardAddress) {
        if address.has_street() {
            self.number = Word::of(&address.number);
            self.street = Word::of(&address.street);
        }
        self.city = Word::of(&address.city);
        self.postal_code = hash(&address.postal_code);
    }

    /// Reads a field of each cache line.
    pub(crate) const fn touch(&self) -> usize {
        self.birth_date.is_some() as usize + self.postal_code as usize + self.identifiers as usize
    }

    /// True where a phone number is known.
    pub(crate) fn has_phone(&self) -> bool {
        self.open.phones || self.phones.iter().any(|phone| phone.0 != 0)
    }

    /// True where an e-mail address is known.
    pub(crate) const fn has_email(&self) -> bool {
        self.open.emails || !self.email.is_empty()
    }
}

/// 32 bits for a text, 0 for none. Two texts have the same once in four thousand millions.
fn hash(text: &str) -> u32 {
    if text.is_empty() {
        return 0;
    }
    #[expect(clippy::cast_possible_truncation, reason = "either half of a hash is a hash")]
    let low = xxh3_64(text.as_bytes()) as u32;
    low.max(1)
}

fn sound(name: &str) -> u16 {
    let sounds = sounds(name).iter().fold(0u32, |sum, sound| {
        sum.wrapping_mul(0x9e37_79b1).wrapping_add(u32::from(*sound))
    });
    (sounds >> 16) as u16
}

/// A word by its hash, its letters and its length: enough to say that two cannot be alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    hash: u32,
    /// A bit for each letter in it, and above them the length.
    letters: u32,
}

/// Bits of letters: bytes by their lower five bits, rare ones with the blank.
const LETTERS: u32 = 27;
/// Lengths that are not told apart.
const LONG: u32 = 31;

impl Word {
    fn of(text: &str) -> Self {
        let letters = text.bytes().fold(0u32, |set, byte| {
            let letter = u32::from(byte & 31);
            set | 1 << if letter < LETTERS { letter } else { 0 }
        });
        let length = u32::try_from(text.len()).map_or(LONG, |length| length.min(LONG));
        Self {
            hash: hash(text),
            letters: letters | length << LETTERS,
        }
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.hash == 0
    }

    /// The length in bytes, up to a bound.
    pub(crate) const fn len(self) -> u32 {
        self.letters >> LETTERS
    }

    /// False where it is one word.
    pub(crate) const fn may_have_blank(self) -> bool {
        self.letters & 1 == 1
    }

    /// False where it takes more than one letter to make one of the other.
    pub(crate) const fn may_be_one_edit_apart(self, other: Self) -> bool {
        let differing = (self.letters ^ other.letters) << (32 - LETTERS);
        differing.count_ones() <= 2 && self.len().abs_diff(other.len()) <= 1
    }

    /// False where the Jaro-Winkler similarity does not reach `min`: letters the other has not are in no common part.
    /// Letters in front that may be the same count for more.
    pub(crate) fn may_be_similar(self, other: Self, same_initial: bool, min: f32) -> bool {
        if self == other || self.len() == LONG || other.len() == LONG {
            return true;
        }
        let only = |x: Self, y: Self| ((x.letters & !y.letters) << (32 - LETTERS)).count_ones();
        let common = (self.len() - only(self, other).min(self.len()))
            .min(other.len() - only(other, self).min(other.len()));
        #[expect(clippy::cast_precision_loss, reason = "words are short")]
        let share = |of: Self| common as f32 / of.len().max(1) as f32;
        let jaro = (share(self) + share(other) + 1.0) / 3.0;
        let prefix = if same_initial { 0.4 } else { 0.0 };
        jaro + prefix * (1.0 - jaro) >= min - 1e-4
    }
}

/// A phone number of up to sixteen signs, four bits each, the first sign lowest; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedPhone(u64);

impl PackedPhone {
    fn of(phone: &str) -> Option<Self> {
        let mut packed = 0;
        for (at, byte) in phone.bytes().enumerate() {
            let sign = match byte {
                b'0'..=b'9' => byte - b'0' + 1,
                b'+' => 11,
                _ => return None,
            };
            if at >= 16 {
                return None;
            }
            packed |= u64::from(sign) << (4 * at);
        }
        Some(Self(packed))
    }

    /// The level of two numbers in the comparison of phones; `None` where there are not two.
    pub(crate) fn level(self, other: Self) -> Option<usize> {
        if self.0 == 0 || other.0 == 0 {
            return None;
        }
        let differing = self.0 ^ other.0;
        if differing == 0 {
            return Some(0);
        }
        let length = |phone: u64| phone.leading_zeros() / 4;
        let (first, last) = (
            differing.trailing_zeros() / 4,
            (63 - differing.leading_zeros()) / 4,
        );
        let sign = |phone: u64, at: u32| phone >> (4 * at) & 15;
        let swapped =
            || sign(self.0, first) == sign(other.0, last) && sign(self.0, last) == sign(other.0, first);
        let near = length(self.0) == length(other.0) && (first == last || first + 1 == last && swapped());
        Some(if near { 1 } else { 2 })
    }
}
