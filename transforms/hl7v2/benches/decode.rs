//! Messages per second of CPU time on one core, and how many times hl7-parser's each is on the same messages:
//!
//! - "panorama decode" yields source records and facts: every value read, decoded, typed, timed in UTC and put in its place.
//! - "panorama index only" yields where the segments and fields are; the parts of a field are found on asking.
//! - "panorama parse and read values" yields the values that our decode reads, as owned text, but no meaning.
//! - "hl7-parser parse" yields no value: it tells where the parts of the message are, down to the subcomponents.
//! - "hl7-parser parse and read values" yields the same texts: this is like for like, and the texts are compared.
//!
//! `PANORAMA_BENCH_DIR` adds a directory of `.hl7` files, one message each.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods
)]

use panorama_hl7v2::{Message, decode};
use panorama_model::{DecodeContext, Presence, Timestamp, Zone};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// The allocator that the binary has too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ADT: &str = "MSH|^~\\&|REGISTRATION|GENERAL|PANORAMA|HUB|20260704123015||ADT^A01^ADT_A01|MSG00042|P|2.5.1|||AL|NE|||UNICODE UTF-8\r\
EVN|A01|20260704123015|||OPR7^Clerk^Carla\r\
PID|1||100042^^^GENERAL^MR~900-42^^^STATE^PI||EXAMPLE^PERSONA^Q^JR^MS^^L||19800229|F||2106-3^White^CDCREC|42 SAMPLE STREET^APT 7^SPRINGFIELD^IL^62701^USA^H||(217)555-0142^PRN^PH~^NET^Internet^persona@example.org|(217)555-0199^WPN^PH|EN^English^ISO639|M^Married^HL70002|NON|A42-2026^^^GENERAL^AN|999-00-4242|||2186-5^Not Hispanic^CDCREC\r\
PD1|||SPRINGFIELD CLINIC^^10042|1234567893^Primary^Paul^^^^^^NPI\r\
NK1|1|EXAMPLE^NEXT|SPO^Spouse^HL70063|42 SAMPLE STREET^^SPRINGFIELD^IL^62701|(217)555-0143\r\
PV1|1|I|4WEST^412^A^GENERAL||||1987654321^Attend^Anna^^^^^^NPI|1122334455^Refer^Rolf^^^^^^NPI||MED||||7|||1987654321^Attend^Anna^^^^^^NPI|INP|V42001^^^GENERAL^VN|||||||||||||||||||||||||20260704120000\r\
PV2|||R07.9^Chest pain, unspecified^I10C\r\
DG1|1||R07.9^Chest pain, unspecified^I10C||20260704|A|||||||||1\r\
AL1|1|DA|7980^Penicillin G^RXNORM|SV|Hives\r\
IN1|1|PPO^Preferred Plan|60054|SAMPLE HEALTH PLAN||||GRP42||||20260101|||PPO|EXAMPLE^PERSONA^Q|SEL^Self^HL70063|19800229|||||||||||||||||||MEM4242\r";

const ORU: &str = "MSH|^~\\&|LAB|GENERAL|PANORAMA|HUB|20260704150000-0500||ORU^R01^ORU_R01|LAB00042|P|2.5.1\r\
PID|1||100042^^^GENERAL^MR||EXAMPLE^PERSONA^Q||19800229|F|||42 SAMPLE STREET^^SPRINGFIELD^IL^62701\r\
PV1|1|I|4WEST^412^A^GENERAL||||1987654321^Attend^Anna^^^^^^NPI||||||||||||V42001\r\
ORC|RE|ORD42|FIL42||CM\r\
OBR|1|ORD42|FIL42|24323-8^Comprehensive metabolic panel^LN|||20260704140000-0500|||||||||1987654321^Attend^Anna||||||20260704145500-0500||LAB|F\r\
OBX|1|NM|2345-7^Glucose^LN||95|mg/dL|70-99|N|||F|||20260704140000-0500\r\
OBX|2|NM|2160-0^Creatinine^LN||1.4|mg/dL|0.6-1.2|H|||F|||20260704140000-0500\r\
OBX|3|NM|2951-2^Sodium^LN||139|mmol/L|136-145|N|||F|||20260704140000-0500\r\
OBX|4|NM|2823-3^Potassium^LN||4.1|mmol/L|3.5-5.1|N|||F|||20260704140000-0500\r\
OBX|5|SN|33914-3^eGFR^LN||>^60|mL/min|>60|N|||F|||20260704140000-0500\r\
NTE|1||Estimated by the 2021 equation.\r";

/// The fields that our decode reads of a segment, and how many of their components.
const READ: &[(&str, &[(usize, usize)])] = &[
    (
        "MSH",
        &[(3, 1), (4, 1), (7, 1), (9, 3), (10, 1), (11, 1), (13, 1)],
    ),
    ("EVN", &[(2, 1), (6, 1)]),
    (
        "PID",
        &[
            (2, 5),
            (3, 5),
            (4, 5),
            (5, 7),
            (6, 7),
            (7, 1),
            (8, 1),
            (9, 7),
            (10, 2),
            (11, 9),
            (13, 12),
            (14, 12),
            (15, 2),
            (16, 2),
            (17, 2),
            (18, 5),
            (19, 1),
            (20, 2),
            (22, 2),
            (24, 1),
            (25, 1),
            (29, 1),
            (30, 1),
            (31, 1),
            (32, 1),
            (40, 12),
        ],
    ),
    ("PD1", &[(4, 13)]),
    (
        "PV1",
        &[
            (2, 1),
            (3, 4),
            (4, 2),
            (7, 13),
            (8, 13),
            (10, 1),
            (14, 1),
            (17, 13),
            (19, 1),
            (36, 1),
            (44, 1),
            (45, 1),
            (47, 1),
            (50, 1),
        ],
    ),
    ("PV2", &[(3, 6), (8, 1)]),
    (
        "DG1",
        &[
            (2, 1),
            (3, 6),
            (4, 1),
            (5, 1),
            (6, 1),
            (15, 1),
            (16, 13),
            (20, 1),
            (21, 1),
        ],
    ),
    ("AL1", &[(2, 1), (3, 6), (4, 1), (5, 6), (6, 1)]),
    (
        "IN1",
        &[
            (1, 1),
            (2, 6),
            (3, 1),
            (4, 1),
            (8, 1),
            (12, 1),
            (13, 1),
            (15, 1),
            (16, 7),
            (17, 6),
            (36, 1),
            (49, 1),
        ],
    ),
    ("ORC", &[(1, 1), (2, 1), (3, 1), (5, 1), (9, 1), (12, 13)]),
    (
        "OBR",
        &[(2, 1), (3, 1), (4, 6), (7, 1), (22, 1), (24, 1), (25, 1)],
    ),
    (
        "OBX",
        &[
            (1, 1),
            (2, 1),
            (3, 6),
            (4, 1),
            (5, 6),
            (6, 6),
            (7, 1),
            (8, 1),
            (11, 1),
            (14, 1),
            (15, 6),
            (16, 13),
            (23, 1),
        ],
    ),
    ("NTE", &[(3, 1)]),
];

/// The values of the fields of [`READ`] that are not empty, as owned text.
fn values(message: &hl7_parser::Message<'_>) -> Vec<String> {
    let mut values = Vec::new();
    for segment in message.segments() {
        let Some((_, fields)) = READ.iter().find(|(name, _)| *name == segment.name) else {
            continue;
        };
        for (number, components) in *fields {
            let Some(field) = segment.field(*number).filter(|f| !f.raw_value().is_empty()) else {
                continue;
            };
            for component in field.repeats().flat_map(|r| r.components().take(*components)) {
                if !component.raw_value().is_empty() {
                    values.push(message.separators.decode(component.raw_value()).to_string());
                }
            }
        }
    }
    values
}

/// As [`values`], by our index.
fn our_values(message: &Message<'_>) -> Vec<String> {
    let mut values = Vec::new();
    for segment in message.segments() {
        let name = segment.name();
        let Some((_, fields)) = READ.iter().find(|(listed, _)| *listed == name) else {
            continue;
        };
        for (number, components) in *fields {
            let field = segment.field(*number);
            if field.is_empty() {
                continue;
            }
            for repetition in field.repetitions() {
                for component in repetition.components().take(*components) {
                    match component.presence() {
                        Presence::Absent => {}
                        Presence::Null => values.push(component.raw().to_owned()),
                        Presence::Value(text) => values.push(text.into_owned()),
                    }
                }
            }
        }
    }
    values
}

/// One thing that is measured: its name and what it does with the message of this place.
type Work<'a> = (&'static str, Box<dyn FnMut(usize) + 'a>);

/// The best rate of each over several rounds, taken in turns: a shared machine is slow for all of them alike.
fn rates<const N: usize>(messages: &[Vec<u8>], works: &mut [Work<'_>; N]) -> [f64; N] {
    // `cargo bench -- NAME` measures what is so called alone.
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let mut best = [f64::NAN; N];
    for _ in 0..10 {
        for ((name, work), best) in works.iter_mut().zip(&mut best) {
            if wanted
                .as_ref()
                .is_some_and(|wanted| !name.contains(wanted.as_str()))
            {
                continue;
            }
            let (start, cpu, mut done) = (Instant::now(), cpu_seconds(), 0u32);
            while start.elapsed() < Duration::from_millis(100) {
                for at in 0..messages.len() {
                    work(at);
                    done += 1;
                }
            }
            let wall = start.elapsed().as_secs_f64();
            let spent = cpu.zip(cpu_seconds()).map_or(wall, |(from, to)| to - from);
            *best = best.max(f64::from(done) / spent);
        }
    }
    let bytes: usize = messages.iter().map(Vec::len).sum();
    for ((name, _), best) in works.iter().zip(&best).filter(|(_, best)| !best.is_nan()) {
        let megabytes = best * bytes as f64 / messages.len() as f64 / 1e6;
        println!("{name:<36} {best:>12.0} messages/s {megabytes:>9.1} MB/s");
    }
    best
}

/// Seconds this thread was on a CPU: on a shared machine the wall clock measures the neighbours too.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = stat.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn compare(title: &str, messages: &[Vec<u8>]) {
    let bytes: usize = messages.iter().map(Vec::len).sum();
    println!(
        "\n{title}: {} messages, {} bytes on average",
        messages.len(),
        bytes / messages.len()
    );
    let zone = Zone::named("America/Chicago").unwrap();
    let context = DecodeContext {
        source: "bench",
        received_at: Timestamp::from_seconds(1_783_000_000),
        zone: Some(&zone),
        headers: &[],
    };
    let texts: Vec<String> = messages
        .iter()
        .map(|m| String::from_utf8_lossy(m).into_owned())
        .collect();
    let theirs = |at: usize| hl7_parser::Message::parse(black_box(&texts[at]));
    for (at, bytes) in messages.iter().enumerate() {
        // Beyond delimiters the two read escapes, each in its way; MSH-2 has the one escape character of the others.
        let has_escapes = memchr::memchr_iter(b'\\', bytes).nth(1).is_some();
        if let (Ok(ours), Ok(theirs), false) = (Message::parse(bytes), theirs(at), has_escapes) {
            assert_eq!(our_values(&ours), values(&theirs), "{title}, message {at}");
        }
    }
    let mut works: [Work<'_>; 5] = [
        (
            "panorama decode",
            Box::new(|at| drop(black_box(decode(black_box(&messages[at]), &context)))),
        ),
        (
            "panorama index only",
            Box::new(|at| drop(black_box(Message::parse(black_box(&messages[at]))))),
        ),
        (
            "panorama parse and read values",
            Box::new(|at| {
                let message = Message::parse(black_box(&messages[at]));
                drop(black_box(message.map(|message| our_values(&message))));
            }),
        ),
        ("hl7-parser parse", Box::new(|at| drop(black_box(theirs(at))))),
        (
            "hl7-parser parse and read values",
            Box::new(|at| drop(black_box(theirs(at).map(|message| values(&message))))),
        ),
    ];
    let best = rates(messages, &mut works);
    let [ours, index, our_values, theirs, their_values] = best;
    // Ratios of rates that were taken in turns hold on any machine, and on a busy one.
    for (what, ratio) in [
        ("parse and read values / hl7-parser's", our_values / their_values),
        ("decode / hl7-parser parse and read values", ours / their_values),
        ("decode / hl7-parser parse", ours / theirs),
        ("index only / hl7-parser parse", index / theirs),
    ] {
        if !ratio.is_nan() {
            println!("{what:<42} {ratio:>6.1}x");
        }
    }
}

fn main() {
    compare("ADT^A01", &[ADT.into()]);
    compare("ORU^R01", &[ORU.into()]);
    compare("both", &[ADT.into(), ORU.into()]);
    if let Ok(directory) = std::env::var("PANORAMA_BENCH_DIR") {
        let mut messages = Vec::new();
        for entry in std::fs::read_dir(&directory).unwrap().flatten() {
            if entry.path().extension().is_some_and(|e| e == "hl7") {
                let text = std::fs::read(entry.path()).unwrap();
                messages.push(
                    text.iter()
                        .map(|b| if *b == b'\n' { b'\r' } else { *b })
                        .collect(),
                );
            }
        }
        if !messages.is_empty() {
            compare(&directory, &messages);
        }
    }
}
