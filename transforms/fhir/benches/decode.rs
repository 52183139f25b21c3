//! How fast payloads are read: bundles, NDJSON lines, and a bundle that is mostly one attachment.
//!
//! Run: `cargo bench -p panorama-fhir`. Prints MB/s and resources/s of the best of several rounds, on one core.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench measures time and prints it"
)]

use panorama_model::{DecodeContext, Reading, Timestamp, Zone};
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 12;

fn main() {
    let observations = bundle(2_000, 0);
    let attachment = bundle(100, 20_000_000);
    let line = resource(7);
    let lines = vec![line; 2_000];
    measure("bundle of 2,001 resources", &[observations], 2_001);
    measure("2,000 NDJSON lines", &lines, 2_000);
    measure("bundle with a 20 MB attachment", &[attachment], 102);
}

fn measure(name: &str, payloads: &[String], resources: u32) {
    let zone = Zone::utc();
    let context = DecodeContext {
        source: "bench",
        received_at: Timestamp(0),
        zone: Some(&zone),
        headers: &[],
    };
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for payload in payloads {
            let reading = panorama_fhir::decode(payload.as_bytes(), &context);
            assert!(matches!(black_box(reading), Reading::Read(_)));
        }
        best = best.min(started.elapsed());
    }
    let bytes: usize = payloads.iter().map(String::len).sum();
    let seconds = best.as_secs_f64();
    println!(
        "{name}: {:.0} MB/s, {:.0} resources/s ({bytes} bytes)",
        bytes as f64 / 1e6 / seconds,
        f64::from(resources) / seconds
    );
}

/// A transaction of one patient, observations, and, if asked, a document of so many base64 bytes.
fn bundle(observations: u32, attachment: usize) -> String {
    let mut json = String::from(
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:0d7a24f3-0000-4000-8000-000000000000","resource":{"resourceType":"Patient","id":"0d7a24f3-0000-4000-8000-000000000000","name":[{"family":"Roe","given":["Joan"]}],"birthDate":"1980-02-29","gender":"female"},"request":{"method":"POST","url":"Patient"}}"#,
    );
    for number in 0..observations {
        let id = format!("5a1c0de0-0000-4000-8000-{number:012}");
        let resource = resource(number);
        let written = write!(
            json,
            r#",{{"fullUrl":"urn:uuid:{id}","resource":{resource},"request":{{"method":"POST","url":"Observation"}}}}"#
        );
        assert!(written.is_ok());
    }
    if attachment > 0 {
        let data = "QUJD".repeat(attachment / 4);
        json.push_str(r#",{"resource":{"resourceType":"DocumentReference","id":"d","subject":{"reference":"urn:uuid:0d7a24f3-0000-4000-8000-000000000000"},"content":[{"attachment":{"contentType":"application/pdf","data":""#);
        json.push_str(&data);
        json.push_str(r#""}}]}}"#);
    }
    json.push_str("]}");
    json
}

fn resource(number: u32) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"5a1c0de0-0000-4000-8000-{number:012}","meta":{{"lastUpdated":"2026-01-02T03:04:05.678Z","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-vital-signs"]}},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs","display":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"8302-2","display":"Body Height"}}],"text":"Body Height"}},"subject":{{"reference":"Patient/0d7a24f3-0000-4000-8000-000000000000"}},"encounter":{{"reference":"Encounter/0c578fd3-0000-4000-8000-000000000000"}},"effectiveDateTime":"2011-04-11T17:48:38-04:00","issued":"2011-04-11T17:48:38.194-04:00","valueQuantity":{{"value":168.3,"unit":"cm","system":"http://unitsofmeasure.org","code":"cm"}}}}"#
    )
}
