//! What a glance at two outlines says: the most their weight can be. Exact where outlines hold the field itself, else the
//! best for one person and the worst for a household of all levels that are still possible.

use crate::comparison::{self, TermKind};
use crate::frequency::TermBits;
use crate::outline::{Outline, PackedPhone, Word};
use crate::pair_kind::{PAIR_KINDS, PairKind};
use crate::score::{Compiled, LevelBits, MatchWeight, Totals};
use panorama_standardize::StandardPerson;

/// Sums in another order differ by less, and so does a weight in whole thousandths of a bit.
const SLACK_BITS: f32 = 0.05;
/// Scores are cut off not far below; no bound holds there.
const BITS_MIN: f32 = -29.0;

/// What is said against strangers, by kind: the most for kinds of one person, the least for households.
#[derive(Clone, Copy, Debug, Default)]
struct Said(LevelBits);

impl Said {
    const NOTHING: Self = Self([0.0; PAIR_KINDS]);

    /// What a level says of pairs that agree on no term, or on one worth `term` bits.
    fn of(bits: &LevelBits, term: Option<(TermKind, f32)>) -> Self {
        let strangers = bits.get(PairKind::Strangers.index()).copied().unwrap_or(0.0);
        let mut out = Self::NOTHING;
        for ((said, bits), kind) in out.0.iter_mut().zip(bits).zip(PairKind::ALL) {
            // As in `Totals::rarer`: who shares a home chose no common given name.
            let by_chance = matches!(kind, PairKind::Housemates | PairKind::Twins);
            *said = bits
                + match term {
                    Some((TermKind::Given, _)) if by_chance => -strangers,
                    Some((_, term)) => term,
                    None => -strangers,
                };
        }
        if let Some(strangers) = out.0.get_mut(PairKind::Strangers.index()) {
            *strangers = 0.0;
        }
        out
    }

    fn and(mut self, other: Self) -> Self {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(sum, bits)| *sum += bits);
        self
    }

    /// Whichever of both may hold.
    fn or(mut self, other: Self) -> Self {
        for ((held, bits), kind) in self.0.iter_mut().zip(other.0).zip(PairKind::ALL) {
            *held = if kind.is_one_person() {
                held.max(bits)
            } else {
                held.min(bits)
            };
        }
        self
    }
}

/// What the levels of one comparison say.
#[derive(Debug, Default)]
struct Table {
    levels: Vec<Said>,
    /// The first level as the model has it, for terms whose frequency is known.
    first: LevelBits,
}

impl Table {
    fn of(compiled: &Compiled, given: &TermBits, family: &TermBits) -> Self {
        let level = |(at, bits): (usize, &LevelBits)| {
            let plain = Said::of(bits, None);
            compiled.term(at).map_or(plain, |kind| {
                let table = kind.table(given, family);
                [table.least(), table.most()]
                    .into_iter()
                    .map(|term| Said::of(bits, Some((kind, term))))
                    .fold(plain, Said::or)
            })
        };
        Self {
            levels: compiled.bits.iter().enumerate().map(level).collect(),
            first: compiled.bits.first().copied().unwrap_or_default(),
        }
    }

    /// What one level says; nothing where a side is missing, or the model has no such comparison.
    fn level(&self, at: usize) -> Said {
        self.levels.get(at).copied().unwrap_or(Said::NOTHING)
    }

    /// What any of some levels may say.
    fn any(&self, levels: impl IntoIterator<Item = usize>) -> Said {
        let said = levels.into_iter().map(|at| self.level(at));
        said.reduce(Said::or).unwrap_or(Said::NOTHING)
    }

    /// What any level may say, or none.
    fn all(&self) -> Said {
        self.levels.iter().copied().fold(Said::NOTHING, Said::or)
    }

    /// What the first level says of a term.
    fn first(&self, kind: TermKind, term: f32) -> Said {
        if self.levels.is_empty() {
            Said::NOTHING
        } else {
            Said::of(&self.first, Some((kind, term)))
        }
    }
}

/// What findings at a glance say under a model.
#[derive(Debug)]
pub(crate) struct Glance {
    start: Said,
    given: Table,
    given_nickname: Said,
    middle: Table,
    middle_alike: Said,
    family: Table,
    family_all: Said,
    generation: Table,
    birth_date: Table,
    sex: Table,
    ssn: Table,
    identifiers_all: Said,
    identifiers_apart: Said,
    phone: Table,
    phone_all: Said,
    email: Table,
    email_all: Said,
    email_same: Said,
    email_near: Said,
    address: Table,
    address_all: Said,
    address_same: Said,
    address_near: Said,
    address_city: Said,
}

/// A record to whom others are held, with what agreement on its own names would say.
pub(crate) struct Sought {
    outline: Outline,
    given: Said,
    middle: Said,
    family: Said,
}

/// The comparisons of which an outline holds something.
const OUTLINED: [&str; 11] = [
    "given_name",
    "middle_name",
    "family_name",
    "generation",
    "birth_date",
    "sex",
    "ssn",
    "identifiers",
    "phone",
    "email",
    "address",
];

impl Glance {
    pub(crate) fn new(compiled: &[Compiled], prior: Totals, given: &TermBits, family: &TermBits) -> Self {
        let of = |compiled: &Compiled| Table::of(compiled, given, family);
        let table = |name: &str| {
            let found = compiled.iter().find(|c| c.name() == name);
            found.map(of).unwrap_or_default()
        };
        let others = compiled.iter().filter(|c| !OUTLINED.contains(&c.name()));
        let start = others.map(|c| of(c).all()).fold(Said(prior.0), Said::and);
        let (given, middle, family) = (table("given_name"), table("middle_name"), table("family_name"));
        let (identifiers, phone, email, address) = (
            table("identifiers"),
            table("phone"),
            table("email"),
            table("address"),
        );
        Self {
            start,
            given_nickname: given.any([1, 3, 10]),
            given,
            middle_alike: middle.any([1, 2]),
            middle,
            family_all: family.all(),
            family,
            generation: table("generation"),
            birth_date: table("birth_date"),
            sex: table("sex"),
            ssn: table("ssn"),
            identifiers_apart: identifiers.level(2).or(Said::NOTHING),
            identifiers_all: identifiers.all(),
            phone_all: phone.all(),
            phone,
            email_all: email.all(),
            email_same: email.any([0, 1]),
            email_near: email.any(2..=4),
            email,
            address_all: address.all(),
            address_same: address.any([0, 1]),
            address_near: address.any(1..=4),
            address_city: address.any([3, 4]),
            address,
        }
    }

    /// Makes a record ready to be held to others.
    pub(crate) fn sought(
        &self,
        person: &StandardPerson,
        outline: Outline,
        given: &TermBits,
        family: &TermBits,
    ) -> Sought {
        Sought {
            outline,
            given: self.given.first(TermKind::Given, given.bits(&person.given)),
            middle: self.middle.first(TermKind::Given, given.bits(&person.middle)),
            family: self.family.first(TermKind::Family, family.bits(&person.family)),
        }
    }

    /// True where the weight of two records cannot reach so much.
    pub(crate) fn tells_apart(&self, sought: &Sought, other: &Outline, weight: MatchWeight) -> bool {
        let most = self
            .start
            .and(self.numbers(&sought.outline, other))
            .and(self.contacts(&sought.outline, other))
            .and(self.address(&sought.outline, other))
            .and(self.names(sought, other));
        weight.bits() > BITS_MIN && most.misses(weight.bits())
    }

    fn numbers(&self, a: &Outline, b: &Outline) -> Said {
        let at =
            |table: &Table, level: Option<usize>| level.map_or(Said::NOTHING, |level| table.level(level));
        let born = a.birth_date.zip(b.birth_date);
        let sex = a.sex.zip(b.sex).map(|(x, y)| usize::from(x != y));
        let identifiers = match (a.identifiers, b.identifiers) {
            (0, _) | (_, 0) => Said::NOTHING,
            (x, y) if x & y == 0 => self.identifiers_apart,
            _ => self.identifiers_all,
        };
        let said = at(
            &self.birth_date,
            born.map(|(x, y)| comparison::birth_date_level(x, y)),
        );
        said.and(at(&self.sex, sex))
            .and(at(
                &self.ssn,
                a.ssn.zip(b.ssn).map(|(x, y)| comparison::ssn_level(x, y)),
            ))
            .and(at(
                &self.generation,
                comparison::generation_level(a.generation, b.generation),
            ))
            .and(identifiers)
    }

    fn contacts(&self, a: &Outline, b: &Outline) -> Said {
        let phone = if !a.has_phone() || !b.has_phone() {
            Said::NOTHING
        } else if a.open.phones || b.open.phones {
            self.phone_all
        } else {
            let pairs = a
                .phones
                .iter()
                .flat_map(|x| b.phones.iter().filter_map(|y| PackedPhone::level(*x, *y)));
            self.phone.level(pairs.min().unwrap_or(2))
        };
        phone.and(self.email(a, b))
    }

    fn email(&self, a: &Outline, b: &Outline) -> Said {
        if !a.has_email() || !b.has_email() {
            return Said::NOTHING;
        }
        if a.open.emails || b.open.emails {
            return self.email_all;
        }
        if a.email == b.email {
            return self.email_same;
        }
        let similar = || a.mailbox_digits == b.mailbox_digits && a.email.may_be_similar(b.email, true, 0.95);
        if a.email.may_be_one_edit_apart(b.email) || similar() {
            return self.email_near;
        }
        self.email.level(if a.mailbox == b.mailbox { 3 } else { 4 })
    }

    fn address(&self, a: &Outline, b: &Outline) -> Said {
        if a.open.addresses || b.open.addresses {
            return self.address_all;
        }
        let both_codes = a.postal_code != 0 && b.postal_code != 0;
        let both_cities = !a.city.is_empty() && !b.city.is_empty();
        let same_code = both_codes && a.postal_code == b.postal_code;
        let city_fits = both_cities && a.city.may_be_similar(b.city, true, 0.93);
        if !a.street.is_empty() && !b.street.is_empty() {
            if a.street == b.street && a.number == b.number {
                let here = !both_codes || same_code || both_cities && a.city == b.city;
                return if here { self.address_same } else { self.address_all };
            }
            let fits = (same_code || city_fits)
                && (a.number == b.number || a.number.may_be_one_edit_apart(b.number))
                && a.street.may_be_similar(b.street, true, 0.9);
            if fits {
                return self.address_near;
            }
        }
        if same_code {
            self.address.level(2)
        } else if city_fits {
            self.address_city
        } else if both_codes || both_cities {
            self.address.level(4)
        } else {
            Said::NOTHING
        }
    }

    fn names(&self, sought: &Sought, b: &Outline) -> Said {
        let a = &sought.outline;
        let same_given = a.given == b.given;
        let may_be_swapped = !same_given && a.family != b.family && may_fit(a, b) && may_fit(b, a);
        let given = if a.given.is_empty() || b.given.is_empty() {
            Said::NOTHING
        } else if same_given && a.given.len() > 1 {
            sought.given
        } else {
            let other = self.other_given(a, b);
            if may_be_swapped {
                other.or(self.given.level(7))
            } else {
                other
            }
        };
        let family = if a.family.is_empty() || b.family.is_empty() {
            Said::NOTHING
        } else if a.family == b.family {
            sought.family
        } else if may_be_swapped || a.open.family || b.open.family {
            self.family_all
        } else {
            self.other_family(a, b)
        };
        let middle = if a.middle.is_empty() || b.middle.is_empty() {
            return given.and(family);
        } else if a.middle == b.middle && a.middle.len() > 1 {
            sought.middle
        } else if a.initials.middle == b.initials.middle {
            self.middle_alike
        } else {
            self.middle.level(2)
        };
        // Where one goes by the middle name, the given names have said it.
        let by_middle = if same_given || !may_be_by_middle(a, b) {
            middle
        } else {
            middle.or(Said::NOTHING)
        };
        given.and(family).and(by_middle)
    }

    /// Given names that are not the same, but for those exchanged with the family name.
    fn other_given(&self, a: &Outline, b: &Outline) -> Said {
        if a.given.len() == 1 || b.given.len() == 1 {
            let fits = a.initials.given == b.initials.given;
            return self.given.level(if fits { 6 } else { 10 });
        }
        let same_initial = a.initials.given == b.initials.given;
        let similar = |min| a.given.may_be_similar(b.given, same_initial, min);
        // Nicknames look like anything.
        let mut said = self.given_nickname;
        if similar(0.92) || a.given.may_be_one_edit_apart(b.given) {
            said = said.or(self.given.level(2));
        }
        if similar(0.8) {
            said = said.or(self.given.level(5));
        }
        if a.sounds.given == b.sounds.given && similar(0.6) {
            said = said.or(self.given.level(4));
        }
        if !a.middle.is_empty() || !b.middle.is_empty() {
            if may_be_by_middle(a, b) {
                said = said.or(self.given.level(8));
            }
            if a.initials.given == b.initials.middle || b.initials.given == a.initials.middle {
                said = said.or(self.given.level(9));
            }
        }
        said
    }

    /// Family names that are not the same, where each has one.
    fn other_family(&self, a: &Outline, b: &Outline) -> Said {
        let same_initial = a.initials.family == b.initials.family;
        let similar = |min| a.family.may_be_similar(b.family, same_initial, min);
        let mut said = self.family.level(5);
        if similar(0.92) || a.family.may_be_one_edit_apart(b.family) {
            said = said.or(self.family.level(2));
        }
        if similar(0.82) {
            said = said.or(self.family.level(4));
        }
        if a.sounds.family == b.sounds.family && similar(0.6) {
            said = said.or(self.family.level(3));
        }
        said
    }
}

/// False where neither goes by the middle name.
fn may_be_by_middle(a: &Outline, b: &Outline) -> bool {
    let is_word_of = |name: Word, words: Word| !words.is_empty() && (name == words || words.may_have_blank());
    is_word_of(a.given, b.middle)
        || is_word_of(b.given, a.middle)
        || a.initials.given == b.initials.middle && b.initials.given == a.initials.middle
}

impl Said {
    /// True where the odds of one person against two cannot be so many bits.
    fn misses(&self, bits: f32) -> bool {
        let of = |wanted: fn(PairKind) -> bool| {
            PairKind::ALL
                .iter()
                .zip(self.0)
                .filter(move |(kind, _)| wanted(**kind))
                .map(|(_, bits)| bits)
        };
        let rival = of(|kind| !kind.is_one_person()).fold(f32::MIN, f32::max);
        let most = of(PairKind::is_one_person).fold(f32::MIN, f32::max);
        // The kinds of one person add up to this at least, and to two bits more at most.
        let least = most - rival + SLACK_BITS;
        if least >= bits || least + 2.0 < bits {
            return least < bits;
        }
        let sum: f32 = of(PairKind::is_one_person).map(|bits| (bits - most).exp2()).sum();
        least + sum.log2() < bits
    }
}

/// False where the given name of one is no family name of the other.
fn may_fit(a: &Outline, b: &Outline) -> bool {
    let same_initial = a.initials.given == b.initials.family;
    if a.given.len() <= 1 {
        return b.open.family || same_initial;
    }
    b.open.family
        || a.given == b.family
        || a.given.len().min(b.family.len()) >= 4 && a.given.may_be_similar(b.family, same_initial, 0.9)
}

#[cfg(test)]
mod tests;
