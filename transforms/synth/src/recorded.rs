//! What one source wrote down of one person: the truth through nicknames, slips of the keyboard, gaps and stale data.

use crate::calendar::DAY;
use crate::names::nickname;
use crate::people::{Person, transposed};
use crate::places::{Address, PhoneNumber};
use crate::random::{Purpose, Random};
use crate::world::World;
use panorama_model::Text;

/// Who wrote it down. A person registered twice was written down twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recorder {
    Hospital,
    HospitalAgain,
    Clinic,
    Crm,
    CrmAgain,
    Web,
}

/// How well a recorder works: the shares of its records with each flaw.
struct Quality {
    nickname: f64,
    typo: f64,
    birth_wrong: f64,
    birth_missing: f64,
    sex_missing: f64,
    middle_missing: f64,
    ssn_missing: f64,
    address_missing: f64,
    cell_missing: f64,
    email_missing: f64,
    /// Days until a move or a new surname arrives, at most.
    stale_days: i64,
}

const HOSPITAL: Quality = Quality {
    nickname: 0.03,
    typo: 0.015,
    birth_wrong: 0.01,
    birth_missing: 0.002,
    sex_missing: 0.002,
    middle_missing: 0.35,
    ssn_missing: 0.5,
    address_missing: 0.01,
    cell_missing: 0.1,
    email_missing: 0.6,
    stale_days: 120,
};
const CLINIC: Quality = Quality {
    nickname: 0.06,
    typo: 0.02,
    email_missing: 0.45,
    ssn_missing: 0.85,
    ..HOSPITAL
};
const CRM: Quality = Quality {
    nickname: 0.25,
    typo: 0.04,
    birth_wrong: 0.03,
    birth_missing: 0.35,
    sex_missing: 0.5,
    middle_missing: 1.0,
    ssn_missing: 1.0,
    address_missing: 0.2,
    cell_missing: 0.25,
    email_missing: 0.12,
    stale_days: 2_000,
};
const WEB: Quality = Quality {
    nickname: 0.2,
    birth_missing: 0.6,
    sex_missing: 1.0,
    address_missing: 0.7,
    cell_missing: 0.4,
    email_missing: 0.0,
    typo: 0.02,
    ..CRM
};

/// A person as written down.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) given: Text,
    pub(crate) middle: &'static str,
    pub(crate) family: Text,
    /// The surname before marriage where the recorder knows it, else empty.
    pub(crate) maiden: Text,
    pub(crate) suffix: &'static str,
    pub(crate) birth: Option<i32>,
    pub(crate) male: Option<bool>,
    pub(crate) ssn: Option<u32>,
    pub(crate) address: Option<Address>,
    /// Streets are written `St`, not `Street`.
    pub(crate) short_street: bool,
    pub(crate) cell: Option<PhoneNumber>,
    pub(crate) home: Option<PhoneNumber>,
    pub(crate) email: Text,
}

impl Recorded {
    /// What this recorder says of the person at this time. The flaws stay the same over time; moves and marriages
    /// arrive late.
    pub(crate) fn new(world: &World, index: u32, person: &Person, recorder: Recorder, at: i64) -> Self {
        let stream = u64::from(index) * 8 + recorder as u64;
        let mut random = Random::new(world.seed, Purpose::Recording, stream);
        let random = &mut random;
        let quality = match recorder {
            Recorder::Hospital | Recorder::HospitalAgain => HOSPITAL,
            Recorder::Clinic => CLINIC,
            Recorder::Crm | Recorder::CrmAgain => CRM,
            Recorder::Web => WEB,
        };
        let known_at = at.saturating_sub(random.between(0, quality.stale_days) * DAY);
        let (given, family, maiden) = names(person, &quality, known_at, random);
        let birth = birth(person.birth, &quality, random);
        let address = world.population.household(person).map(|household| {
            if household.moved_at <= known_at {
                household.address
            } else {
                household.old_address
            }
        });
        let missing = |share: f64, random: &mut Random| random.chance(share);
        Self {
            given,
            middle: if missing(quality.middle_missing, random) {
                ""
            } else {
                person.middle
            },
            family,
            maiden,
            suffix: if random.chance(0.3) { "" } else { person.suffix },
            birth,
            male: (!missing(quality.sex_missing, random)).then_some(person.male),
            ssn: (!missing(quality.ssn_missing, random)).then_some(person.ssn),
            address: address.filter(|_| !missing(quality.address_missing, random)),
            short_street: random.chance(0.5),
            cell: world
                .population
                .reached_at(index, person)
                .filter(|_| !missing(quality.cell_missing, random)),
            home: world
                .population
                .landline(person)
                .filter(|_| !missing(0.3, random)),
            email: if missing(quality.email_missing, random) {
                Text::default()
            } else {
                Text::new(world.population.email(person))
            },
        }
    }
}

fn names(person: &Person, quality: &Quality, known_at: i64, random: &mut Random) -> (Text, Text, Text) {
    let short = random
        .chance(quality.nickname)
        .then(|| nickname(person.given, random))
        .flatten();
    let mut given = Text::new(short.unwrap_or(person.given));
    let unmarried = !person.maiden.is_empty() && person.married_at > known_at;
    let mut family = if unmarried {
        person.maiden.clone()
    } else {
        person.family.clone()
    };
    let knows_maiden = !unmarried && random.chance(0.1);
    let maiden = if knows_maiden {
        person.maiden.clone()
    } else {
        Text::default()
    };
    if random.chance(quality.typo) {
        given = typo(&given, random);
    }
    if random.chance(quality.typo) {
        family = typo(&family, random);
    }
    (given, family, maiden)
}

fn birth(truth: i32, quality: &Quality, random: &mut Random) -> Option<i32> {
    if random.chance(quality.birth_missing) {
        return None;
    }
    if !random.chance(quality.birth_wrong) {
        return Some(truth);
    }
    match random.below(3) {
        0 => Some(transposed(truth).unwrap_or(truth - 1)),
        1 => Some(truth - 3_652),
        _ => Some(
            truth
                + [1, -1, 10, -9]
                    .get(random.below(4) as usize)
                    .copied()
                    .unwrap_or(1),
        ),
    }
}

/// One slip of the keyboard, not in the first letter.
pub(crate) fn typo(text: &str, random: &mut Random) -> Text {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 4 {
        return Text::new(text);
    }
    let at = random.between(1, letters.len() as i64 - 2) as usize;
    match random.below(4) {
        0 => letters.swap(at, at + 1),
        1 => {
            letters.remove(at);
        }
        2 => {
            let doubled = letters.get(at).copied().unwrap_or('e');
            letters.insert(at, doubled);
        }
        _ => {
            if let Some(letter) = letters.get_mut(at) {
                *letter = char::from(b'a' + random.below(26) as u8);
            }
        }
    }
    letters.into_iter().collect()
}
