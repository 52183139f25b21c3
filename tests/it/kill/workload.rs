//! The messages of a torture run, each made from its name alone, so that what comes out can be compared byte for byte.

/// Families and given names: 500 pairs, so that no two patients share one. Telling doubtful people apart is tested elsewhere.
const FAMILIES: &[&str] = &[
    "Abernathy",
    "Bellweather",
    "Castellano",
    "Drummond",
    "Eriksson",
    "Fitzwilliam",
    "Guadarrama",
    "Hollingsworth",
    "Ibarra",
    "Jankowski",
    "Kilpatrick",
    "Lindqvist",
    "Montenegro",
    "Nakagawa",
    "Oyelaran",
    "Prendergast",
    "Quintero",
    "Rasmussen",
    "Stanhope",
    "Trevelyan",
    "Underhill",
    "Vasquez",
    "Wainwright",
    "Yamaguchi",
    "Zielinski",
];
const GIVEN: &[&str] = &[
    "Adaeze",
    "Benedict",
    "Clementine",
    "Desmond",
    "Eleanor",
    "Florian",
    "Gwendolyn",
    "Humphrey",
    "Isadora",
    "Jerome",
    "Katarina",
    "Leopold",
    "Marguerite",
    "Nathaniel",
    "Ottoline",
    "Percival",
    "Rosalind",
    "Sebastian",
    "Theodora",
    "Ulrich",
];
/// Where they live.
const STREETS: &[&str] = &["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Gum", "Hazel"];

/// Which message: the connection that sends it and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) connection: u32,
    pub(crate) sequence: u64,
}

impl Name {
    /// The message control id, MSH-10.
    pub(crate) fn control_id(self) -> String {
        format!("{}-{:08}", self.connection, self.sequence)
    }

    /// Reads a control id back.
    pub(crate) fn read(control_id: &str) -> Option<Self> {
        let (connection, sequence) = control_id.split_once('-')?;
        let name = Self {
            connection: connection.parse().ok()?,
            sequence: sequence.parse().ok()?,
        };
        (name.control_id() == control_id).then_some(name)
    }

    /// What the message's laboratory value is: its name as one number.
    pub(crate) fn value(self) -> u64 {
        u64::from(self.connection) * 100_000_000 + self.sequence
    }

    pub(crate) fn visit(self) -> String {
        format!("V{}", self.value())
    }
}

/// What a message does to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// One row in `encounters`.
    Visit,
    /// One row in `observations`.
    Result,
}

/// All messages there could be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    pub(crate) seed: u64,
    pub(crate) patients: u64,
}

/// One of `count`, by a number: splitmix64, so that neighbours differ.
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Workload {
    fn draw(&self, name: Name) -> u64 {
        mix(self.seed ^ mix(name.value()))
    }

    /// Whom the message is about.
    pub(crate) fn patient(&self, name: Name) -> u64 {
        self.draw(name) % self.patients
    }

    pub(crate) fn effect(&self, name: Name) -> Effect {
        if self.draw(name) >> 40 & 1 == 0 {
            Effect::Visit
        } else {
            Effect::Result
        }
    }

    /// The bytes sent, also on every later time.
    pub(crate) fn message(&self, name: Name) -> Vec<u8> {
        let at = format!(
            "202603{:02}{:02}{:02}00",
            1 + name.sequence % 28,
            name.sequence % 24,
            name.sequence % 60
        );
        let (connection, control_id, value) = (name.connection, name.control_id(), name.value());
        let header = |kind: &str| {
            format!("MSH|^~\\&|SENDER{connection}|HOSP|PANORAMA|HUB|{at}||{kind}|{control_id}|P|2.5.1\r")
        };
        let pid = patient(self.patient(name));
        let text = match self.effect(name) {
            Effect::Visit => format!(
                "{}EVN|A01|{at}\r{pid}PV1|1|I|W{}^{}^1^HOSP||||||||||||||||{}^^^HOSP^VN{}{at}\r",
                header("ADT^A01^ADT_A01"),
                value % 9,
                value % 70,
                name.visit(),
                "|".repeat(25),
            ),
            Effect::Result => format!(
                "{}{pid}OBR|1|P{value}^LAB|F{value}^LAB|2345-7^Glucose^LN|||{at}{}{at}|||F\r\
                 OBX|1|NM|2345-7^Glucose^LN||{value}|mg/dL|70-99||||F|||{at}\r",
                header("ORU^R01^ORU_R01"),
                "|".repeat(15),
            ),
        };
        text.into_bytes()
    }
}

/// The medical record number of a patient.
pub(crate) fn record_number(patient: u64) -> String {
    format!("M{patient:06}")
}

fn patient(number: u64) -> String {
    let (families, given) = (FAMILIES.len() as u64, GIVEN.len() as u64);
    let pick =
        |from: &[&'static str], number: u64| from[usize::try_from(number).expect("small") % from.len()];
    let draw = mix(number);
    format!(
        "PID|1||{}^^^HOSP^MR||{}^{}||{}{:02}{:02}|{}|||{} {} Way^^Springfield^IL^{:05}||217555{:04}\r",
        record_number(number),
        pick(FAMILIES, number % families),
        pick(GIVEN, number / families % given),
        1930 + draw % 80,
        1 + (draw >> 8) % 12,
        1 + (draw >> 16) % 28,
        if draw >> 24 & 1 == 0 { "F" } else { "M" },
        10 + number * 7,
        pick(STREETS, draw >> 32),
        62_000 + (draw >> 40) % 900,
        number % 10_000,
    )
}
