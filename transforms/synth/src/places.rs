//! Invented towns and streets; telephone and social security numbers of valid shape, each given once.

use crate::random::{Random, mix, scatter};
use std::fmt;

/// An invented town: name, state, first three digits of its ZIP codes, how many people live there.
type Town = (&'static str, &'static str, u16, u32);

const TOWNS: &[Town] = &[
    ("Port Ellery", "IL", 606, 30),
    ("Maple Junction", "IL", 601, 14),
    ("North Harlan", "IL", 600, 12),
    ("Cedar Prairie", "IL", 604, 9),
    ("Fox Landing", "IL", 605, 8),
    ("Waubeka Springs", "WI", 531, 7),
    ("Lake Torrence", "WI", 534, 5),
    ("Saint Oren", "IN", 463, 5),
    ("Kettle Grove", "IN", 464, 4),
    ("Amity Falls", "IL", 610, 3),
    ("Two Bridges", "IL", 611, 2),
    ("Ashby Mills", "IL", 616, 1),
];

const STREETS: &[&str] = &[
    "Main",
    "Oak",
    "Maple",
    "Cedar",
    "Elm",
    "Washington",
    "Lake",
    "Hill",
    "Park",
    "Pine",
    "Walnut",
    "Spring",
    "North",
    "Ridge",
    "Lincoln",
    "Church",
    "Willow",
    "Mill",
    "Sunset",
    "Railroad",
    "Jackson",
    "Cherry",
    "West",
    "South",
    "Center",
    "Highland",
    "Forest",
    "Franklin",
    "River",
    "Meadow",
    "Chestnut",
    "Jefferson",
    "Dogwood",
    "Hickory",
    "Birch",
    "Prairie",
    "Harbor",
    "Orchard",
    "Quarry",
    "Juniper",
    "Larkspur",
    "Heron",
    "Foundry",
    "Sycamore",
    "Wabash",
    "Clearwater",
    "Stonegate",
    "Bluff",
    "Linden",
    "Fairview",
];
/// Street types, long and short.
const TYPES: &[(&str, &str)] = &[
    ("Street", "St"),
    ("Avenue", "Ave"),
    ("Road", "Rd"),
    ("Drive", "Dr"),
    ("Lane", "Ln"),
    ("Court", "Ct"),
    ("Boulevard", "Blvd"),
];

/// An address, small enough to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    number: u16,
    street: u8,
    kind: u8,
    /// 0: none.
    unit: u16,
    town: u8,
    zip: u8,
}

impl Address {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let weights: u64 = TOWNS.iter().map(|town| u64::from(town.3)).sum();
        let mut at = random.below(weights);
        let mut chosen = 0;
        for (index, town) in TOWNS.iter().enumerate() {
            chosen = index;
            match at.checked_sub(u64::from(town.3)) {
                Some(rest) => at = rest,
                None => break,
            }
        }
        let unit = if random.chance(0.25) {
            random.between(1, 480) as u16
        } else {
            0
        };
        Self {
            number: random.between(1, 9_800) as u16,
            street: random.below(STREETS.len() as u64) as u8,
            kind: random.below(TYPES.len() as u64) as u8,
            unit,
            town: chosen as u8,
            zip: random.below(u64::from(TOWNS.get(chosen).map_or(1, |town| town.3)) + 1) as u8,
        }
    }

    fn place(&self) -> Town {
        TOWNS
            .get(usize::from(self.town))
            .copied()
            .unwrap_or(("Port Ellery", "IL", 606, 1))
    }

    /// The street line, written long or short, with the unit where it has one.
    pub(crate) fn line(&self, short: bool) -> Line {
        Line {
            address: *self,
            short,
        }
    }

    pub(crate) fn city(&self) -> &'static str {
        self.place().0
    }

    pub(crate) fn state(&self) -> &'static str {
        self.place().1
    }

    pub(crate) fn zip(&self) -> u32 {
        u32::from(self.place().2) * 100 + u32::from(self.zip)
    }
}

/// A street line to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    address: Address,
    short: bool,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let street = STREETS
            .get(usize::from(self.address.street))
            .copied()
            .unwrap_or("Main");
        let (long, short) = TYPES
            .get(usize::from(self.address.kind))
            .copied()
            .unwrap_or(("Street", "St"));
        write!(
            f,
            "{} {street} {}",
            self.address.number,
            if self.short { short } else { long }
        )?;
        match (self.address.unit, self.short) {
            (0, _) => Ok(()),
            (unit, true) => write!(f, " #{unit}"),
            (unit, false) => write!(f, " Apt {unit}"),
        }
    }
}

/// A North American number of ten digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PhoneNumber(pub(crate) u64);

impl PhoneNumber {
    /// The number of this rank; ranks below 95 million never share one.
    pub(crate) fn of(rank: u64, seed: u64) -> Self {
        const AREAS: &[u64] = &[312, 773, 708, 847, 630, 815, 779, 331, 872, 224, 309, 217];
        // Exchanges 200 to 999 without the eight that end in 11.
        const EXCHANGES: u64 = 792;
        let scattered = scatter(rank, mix(seed), AREAS.len() as u64 * EXCHANGES * 10_000);
        let (rest, line) = (scattered / 10_000, scattered % 10_000);
        let area = AREAS.get((rest / EXCHANGES) as usize).copied().unwrap_or(312);
        let exchange = rest % EXCHANGES;
        // Ninety-nine of each hundred exchanges are used: those after x11 move up by one.
        let (hundred, within) = (exchange / 99, exchange % 99);
        let within = if within >= 11 { within + 1 } else { within };
        Self((area * 1_000 + (hundred + 2) * 100 + within) * 10_000 + line)
    }

    pub(crate) fn area(self) -> u64 {
        self.0 / 10_000_000
    }

    pub(crate) fn exchange(self) -> u64 {
        self.0 / 10_000 % 1_000
    }

    pub(crate) fn line(self) -> u64 {
        self.0 % 10_000
    }
}

impl fmt::Display for PhoneNumber {
    /// `(312) 555-0100`; with `{:#}` E.164.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            write!(f, "+1{}", self.0)
        } else {
            write!(f, "({}) {:03}-{:04}", self.area(), self.exchange(), self.line())
        }
    }
}

/// The nine digits of a social security number of issued shape; ranks below 658 million never share one.
pub(crate) fn social_security_number(rank: u64, seed: u64) -> u32 {
    const AREAS: u64 = 665;
    let scattered = scatter(rank, mix(seed), AREAS * 99 * 9_999);
    let (rest, serial) = (scattered / 9_999, scattered % 9_999 + 1);
    let (area, group) = (rest / 99 + 1, rest % 99 + 1);
    ((area * 100 + group) * 10_000 + serial) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn numbers_are_valid_and_given_once() {
        let mut phones = HashSet::new();
        let mut numbers = HashSet::new();
        for rank in 0..50_000 {
            let phone = PhoneNumber::of(rank, 9);
            assert!(phone.exchange() >= 200 && phone.exchange() % 100 != 11, "{phone}");
            assert!(phones.insert(phone.0));
            let ssn = social_security_number(rank, 9);
            assert!(numbers.insert(ssn));
            let (area, group, serial) = (ssn / 1_000_000, ssn / 10_000 % 100, ssn % 10_000);
            assert!((1..=665).contains(&area) && group > 0 && serial > 0);
        }
        assert_eq!(format!("{:#}", PhoneNumber(3_125_550_100)), "+13125550100");
        assert_eq!(PhoneNumber(3_125_550_100).to_string(), "(312) 555-0100");
    }
}
