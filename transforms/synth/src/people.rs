//! The real people: households, twins, juniors, marriages and moves, and which sources know them.

use crate::calendar::{civil_from_days, days_from_civil};
use crate::households::populate;
use crate::places::{Address, PhoneNumber};
use panorama_model::Text;

/// Feeds a person can be in, as bits.
pub(crate) mod known {
    pub(crate) const HOSPITAL: u8 = 1;
    pub(crate) const CLINIC: u8 = 2;
    pub(crate) const CRM: u8 = 4;
    pub(crate) const WEB: u8 = 8;
    pub(crate) const CALLS: u8 = 16;
    pub(crate) const MAIL: u8 = 32;
}

/// One real person.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) household: u32,
    pub(crate) given: &'static str,
    pub(crate) middle: &'static str,
    /// The present surname.
    pub(crate) family: Text,
    /// The surname before marriage, empty if the same.
    pub(crate) maiden: Text,
    /// When the surname changed, in seconds; long ago for most.
    pub(crate) married_at: i64,
    pub(crate) suffix: &'static str,
    /// Days since 1970-01-01.
    pub(crate) birth: i32,
    pub(crate) male: bool,
    pub(crate) adult: bool,
    pub(crate) ssn: u32,
    /// Feeds that know this person.
    pub(crate) known: u8,
    /// An own e-mail address, empty if none.
    pub(crate) email: Text,
}

/// People at one address.
#[derive(Clone, Debug)]
pub(crate) struct Household {
    pub(crate) first: u32,
    pub(crate) size: u8,
    pub(crate) address: Address,
    pub(crate) old_address: Address,
    /// When they came to `address`, in seconds; long ago for most.
    pub(crate) moved_at: i64,
    pub(crate) landline: bool,
    /// Young children give the first adult's cell phone as theirs.
    pub(crate) young_children: bool,
    /// An address two adults use, empty if none.
    pub(crate) shared_email: Text,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) people: Vec<Person>,
    pub(crate) households: Vec<Household>,
    pub(crate) seed: u64,
}

impl Population {
    pub(crate) fn new(count: usize, seed: u64, start: i64, end: i64) -> Self {
        populate(
            Self {
                people: Vec::with_capacity(count),
                households: Vec::new(),
                seed,
            },
            count,
            start,
            end,
        )
    }

    pub(crate) fn household(&self, person: &Person) -> Option<&Household> {
        self.households.get(person.household as usize)
    }

    /// The person's own cell phone.
    pub(crate) fn cell(&self, index: u32, person: &Person) -> Option<PhoneNumber> {
        person
            .adult
            .then(|| PhoneNumber::of(u64::from(index) * 2, self.seed))
    }

    /// The cell phone on which the person is reached: a young child's is a parent's.
    pub(crate) fn reached_at(&self, index: u32, person: &Person) -> Option<PhoneNumber> {
        if person.adult {
            return self.cell(index, person);
        }
        let first = self.household(person)?.first;
        self.cell(first, self.people.get(first as usize)?)
    }

    pub(crate) fn landline(&self, person: &Person) -> Option<PhoneNumber> {
        let household = self.household(person)?;
        household
            .landline
            .then(|| PhoneNumber::of(u64::from(person.household) * 2 + 1, self.seed))
    }

    /// Nobody else is reached on this person's cell phone.
    pub(crate) fn cell_is_exclusive(&self, index: u32, person: &Person) -> bool {
        self.household(person)
            .is_some_and(|h| h.first != index || !h.young_children)
    }

    /// The landline rings for one person only.
    pub(crate) fn landline_is_exclusive(&self, person: &Person) -> bool {
        self.household(person).is_some_and(|h| h.size == 1)
    }

    /// The e-mail address the person uses, own or shared; empty if none.
    pub(crate) fn email<'a>(&'a self, person: &'a Person) -> &'a str {
        match self.household(person) {
            Some(household) if person.email.is_empty() && person.adult => &household.shared_email,
            _ => &person.email,
        }
    }
}

/// The days a birthday typed with day and month exchanged names, if there is such a day.
pub(crate) fn transposed(birth: i32) -> Option<i32> {
    let (year, month, day) = civil_from_days(i64::from(birth));
    (day <= 12 && day != month).then(|| days_from_civil(year, day, month) as i32)
}
