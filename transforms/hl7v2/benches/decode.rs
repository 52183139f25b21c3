//! Messages per second of CPU time on one core: ours whole, our index alone, and hl7-parser's parse of the same messages.
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
use panorama_model::{DecodeContext, Timestamp, Zone};
use std::hint::black_box;
use std::time::{Duration, Instant};

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

fn rate(name: &str, messages: &[Vec<u8>], mut work: impl FnMut(&[u8])) -> f64 {
    // `cargo bench -- NAME` measures what is so called alone.
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    if wanted.is_some_and(|wanted| !name.contains(&wanted)) {
        return f64::NAN;
    }
    for message in messages {
        work(message);
    }
    let mut best = 0f64;
    for _ in 0..5 {
        let (start, cpu, mut done) = (Instant::now(), cpu_seconds(), 0u32);
        while start.elapsed() < Duration::from_millis(300) {
            for message in messages {
                work(message);
                done += 1;
            }
        }
        let wall = start.elapsed().as_secs_f64();
        let spent = cpu.zip(cpu_seconds()).map_or(wall, |(from, to)| to - from);
        best = best.max(f64::from(done) / spent);
    }
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let megabytes = best * bytes as f64 / messages.len() as f64 / 1e6;
    println!("{name:<28} {best:>12.0} messages/s {megabytes:>9.1} MB/s");
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
    let ours = rate("panorama decode", messages, |m| {
        black_box(decode(black_box(m), &context));
    });
    let index = rate("panorama index only", messages, |m| {
        black_box(Message::parse(black_box(m)).is_ok());
    });
    let texts: Vec<String> = messages
        .iter()
        .map(|m| String::from_utf8_lossy(m).into_owned())
        .collect();
    let mut at = 0;
    let theirs = rate("hl7-parser parse", messages, |_| {
        black_box(hl7_parser::Message::parse(black_box(&texts[at % texts.len()])).is_ok());
        at += 1;
    });
    println!(
        "decode / hl7-parser parse: {:.1}x; index / hl7-parser parse: {:.1}x",
        ours / theirs,
        index / theirs
    );
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
