//! How households come about: singles, couples, families with twins and juniors, flat shares.

use crate::calendar::{DAY, civil_from_days};
use crate::names::Names;
use crate::people::{Household, Person, Population, known};
use crate::places::{Address, social_security_number};
use crate::random::{Purpose, Random, scatter};
use panorama_model::Text;

/// Long before any feed.
const LONG_AGO: i64 = i64::MIN / 4;

const MAIL_DOMAINS: &[&str] = &[
    "inbox.example",
    "inbox.example",
    "postbox.example",
    "quickmail.example",
    "homenet.example",
    "lakemail.example",
];

/// Fills an empty population with households until it has so many people.
pub(crate) fn populate(population: Population, count: usize, start: i64, end: i64) -> Population {
    let mut builder = Builder {
        names: Names::new(),
        random: Random::new(population.seed, Purpose::Population, 0),
        population,
        count,
        digits: count.max(999).to_string().len(),
        start,
        end,
    };
    while builder.population.people.len() < count {
        builder.household();
    }
    builder.population
}

struct Builder {
    names: Names,
    random: Random,
    population: Population,
    count: usize,
    digits: usize,
    start: i64,
    end: i64,
}

/// What is settled of a member before the rest is drawn.
struct Member {
    family: Text,
    maiden: Text,
    given: Option<&'static str>,
    suffix: &'static str,
    birth: i32,
    male: bool,
}

impl Builder {
    fn household(&mut self) {
        let random = &mut self.random;
        let address = Address::draw(random);
        let moved = random.chance(0.12);
        let household = Household {
            first: self.population.people.len() as u32,
            size: 0,
            address,
            old_address: if moved || random.chance(0.3) {
                Address::draw(random)
            } else {
                address
            },
            moved_at: if moved {
                random.between(self.start, self.end)
            } else {
                LONG_AGO
            },
            landline: random.chance(0.35),
            young_children: false,
            shared_email: Text::default(),
        };
        self.population.households.push(household);
        let family = self.names.family(&mut self.random);
        match self.random.below(100) {
            0..30 => self.single(family),
            30..58 => self.couple(&family, 0),
            58..92 => {
                let children = [1, 2, 2, 3, 4]
                    .get(self.random.below(5) as usize)
                    .copied()
                    .unwrap_or(1);
                self.couple(&family, children);
            }
            _ => {
                for _ in 0..3 {
                    let other = self.names.family(&mut self.random);
                    self.single(other);
                }
            }
        }
    }

    /// A birthday `ages` before the end of the feeds.
    fn birth(&mut self, youngest: i64, oldest: i64) -> i32 {
        let days = self.random.between(youngest * 365 + 2, oldest * 365);
        (self.end.div_euclid(DAY) - days) as i32
    }

    fn single(&mut self, family: Text) {
        let (birth, male) = (self.birth(19, 92), self.random.chance(0.48));
        self.member(Member {
            family,
            maiden: Text::default(),
            given: None,
            suffix: "",
            birth,
            male,
        });
    }

    fn couple(&mut self, family: &Text, children: usize) {
        let birth = if children > 0 {
            self.birth(24, 54)
        } else {
            self.birth(22, 90)
        };
        let alone = children > 0 && self.random.chance(0.25);
        let junior = children > 0 && self.random.chance(0.12);
        let father = self.names.given(true, &mut self.random);
        let suffix = if junior { "Sr" } else { "" };
        let male = !alone || junior || self.random.chance(0.25);
        self.member(Member {
            family: family.clone(),
            maiden: Text::default(),
            given: male.then_some(father),
            suffix,
            birth,
            male,
        });
        if !alone {
            self.spouse(family, birth);
        }
        self.children(family, children, birth, junior.then_some(father));
    }

    fn spouse(&mut self, family: &Text, partner_birth: i32) {
        let own = self.names.family(&mut self.random);
        let birth = partner_birth.saturating_add(self.random.between(-2500, 2900) as i32);
        let male = self.random.chance(0.03);
        let (family, maiden) = if self.random.chance(0.75) {
            (family.clone(), own)
        } else {
            (own, Text::default())
        };
        let shares = self.random.chance(0.12);
        self.member(Member {
            family,
            maiden,
            given: None,
            suffix: "",
            birth,
            male,
        });
        if shares {
            self.share_email();
        }
    }

    /// The adults of the last household give up their addresses for one of both.
    fn share_email(&mut self) {
        let Some(household) = self.population.households.last_mut() else {
            return;
        };
        let Some(people) = self.population.people.get_mut(household.first as usize..) else {
            return;
        };
        if people.len() < 2 {
            return;
        }
        if let Some(first) = people.first() {
            household.shared_email = Text::new(format!(
                "{}family{:05}@homenet.example",
                ascii(&first.family),
                household.first
            ));
        }
        for person in people {
            person.email = Text::default();
        }
    }

    fn children(&mut self, family: &Text, children: usize, parent: i32, junior: Option<&'static str>) {
        let mut before: Option<i32> = None;
        for nth in 0..children {
            let twin = before.filter(|_| self.random.chance(0.06));
            let birth = twin.unwrap_or_else(|| {
                let oldest = (self.end.div_euclid(DAY) as i32 - parent - 18 * 365) / 365;
                self.birth(0, i64::from(oldest.clamp(1, 24)))
            });
            before = Some(birth);
            let given = junior.filter(|_| nth == 0);
            let boy = self.random.chance(0.51);
            self.member(Member {
                family: family.clone(),
                maiden: Text::default(),
                given,
                suffix: if given.is_some() { "Jr" } else { "" },
                birth,
                male: given.is_some() || boy,
            });
        }
    }

    fn member(&mut self, member: Member) {
        let people = &mut self.population.people;
        let index = people.len();
        let Some(household) = self
            .population
            .households
            .last_mut()
            .filter(|_| index < self.count)
        else {
            return;
        };
        let random = &mut self.random;
        // Brothers and sisters never share a given name; only a junior does.
        let given = member.given.unwrap_or_else(|| {
            let members = people.get(household.first as usize..).unwrap_or_default();
            (0..8)
                .map(|_| self.names.given(member.male, random))
                .find(|name| members.iter().all(|other| other.given != *name))
                .unwrap_or("Robin")
        });
        let age_days = self.end.div_euclid(DAY) - i64::from(member.birth);
        let adult = age_days >= 18 * 365 + 5;
        household.size = household.size.saturating_add(1);
        household.young_children |= !adult;
        let late = !member.maiden.is_empty() && random.chance(0.08);
        let married_at = if late {
            random.between(self.start, self.end)
        } else {
            LONG_AGO
        };
        let known = membership(adult, random);
        let wants_email = adult && (known & known::MAIL != 0 || random.chance(0.7));
        let email = if wants_email {
            address_of(
                given,
                &member.family,
                index,
                self.count,
                self.digits,
                member.birth,
                random,
            )
        } else {
            Text::default()
        };
        people.push(Person {
            household: self.population.households.len() as u32 - 1,
            given,
            middle: self.names.given(member.male, random),
            family: member.family,
            maiden: member.maiden,
            married_at,
            suffix: member.suffix,
            birth: member.birth,
            male: member.male,
            adult,
            ssn: social_security_number(index as u64, self.population.seed),
            known,
            email,
        });
    }
}

/// Which sources know a person. One in five is known to several; the others keep to one or its mailing list.
fn membership(adult: bool, random: &mut Random) -> u8 {
    let kind = random.below(100);
    let mut known = 0;
    let mut add = |feed, probability| {
        if random.chance(probability) {
            known |= feed;
        }
    };
    match (kind, adult) {
        (0..20, true) => {
            add(known::HOSPITAL, 0.85);
            add(known::CLINIC, 0.35);
            add(known::CRM, 0.6);
            add(known::WEB, 0.6);
            add(known::CALLS, 0.75);
            add(known::MAIL, 0.75);
            if known & (known::HOSPITAL | known::CLINIC) == 0 {
                known |= known::HOSPITAL;
            }
        }
        (0..20, false) => known = known::HOSPITAL | known::CLINIC,
        (20..60, _) | (74.., false) => known = known::HOSPITAL,
        (60..74, _) => known = known::CLINIC,
        (74..90, true) => {
            add(known::CRM, 1.0);
            add(known::MAIL, 0.8);
            add(known::WEB, 0.3);
            add(known::CALLS, 0.2);
        }
        (90..96, true) => known = known::WEB,
        _ => known = known::CALLS,
    }
    known
}

/// Lower-case letters only.
fn ascii(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// An e-mail address nobody else has: its digits name the person.
fn address_of(
    given: &str,
    family: &str,
    index: usize,
    count: usize,
    digits: usize,
    birth: i32,
    random: &mut Random,
) -> Text {
    let mut size = count.max(1_000) as u64;
    while size.is_multiple_of(13) {
        size += 1;
    }
    let number = scatter(index as u64, 17, size);
    let (given, family) = (ascii(given), ascii(family));
    let domain = random.word(MAIL_DOMAINS);
    let initial = given.get(..1).unwrap_or_default();
    let year = civil_from_days(i64::from(birth)).0.rem_euclid(100);
    Text::new(match random.below(4) {
        0 => format!("{initial}{family}.{number:0digits$}@{domain}"),
        1 => format!("{family}{year:02}.{number:0digits$}@{domain}"),
        2 => format!("{given}_{family}.{number:0digits$}@{domain}"),
        _ => format!("{given}.{family}.{number:0digits$}@{domain}"),
    })
}
