//! How many records of a 12-column list one core reads: `cargo bench -p panorama-crm`.
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods
)]

use panorama_crm::{CsvDecoder, NdjsonDecoder, PersonMapping};
use panorama_model::{Decode, DecodeContext, Headers, Reading, Timestamp};
use std::hint::black_box;
use std::time::Instant;

const HEADER: &str = "rec_id,first,middle,last,sex,dob,ssn,street,city,state,zip,phone";
const FIELDS: &[(&str, &str)] = &[
    ("source_record_id", "rec_id"),
    ("given_name", "first"),
    ("middle_name", "middle"),
    ("family_name", "last"),
    ("sex", "sex"),
    ("birth_date", "dob"),
    ("ssn", "ssn"),
    ("address_line", "street"),
    ("city", "city"),
    ("state", "state"),
    ("postal_code", "zip"),
    ("phone", "phone"),
];
const RECORDS: usize = 1_000_000;

fn main() {
    let columns: serde_json::Map<_, _> = FIELDS
        .iter()
        .map(|(field, column)| ((*field).into(), (*column).into()))
        .collect();
    let mapping =
        || serde_json::from_value::<PersonMapping>(serde_json::json!({"columns": columns})).unwrap();
    let headers: Headers = vec![("csv.header".into(), HEADER.as_bytes().to_vec())];
    let context = DecodeContext {
        source: "crm",
        received_at: Timestamp(0),
        zone: None,
        headers: &headers,
    };
    let plain: Vec<_> = (0..1000)
        .map(|n| format!("R{n:08},Given{n},M,Family{n},F,1980-02-{:02},{n:09},{n} Long Elm Street Apt 7,Salem,MA,{n:05},202555{n:04}\r\n", n % 28 + 1))
        .collect();
    let quoted: Vec<_> = plain
        .iter()
        .map(|r| format!("\"{}\"\n", r.trim().replace(',', "\",\"")))
        .collect();
    let objects: Vec<_> = plain
        .iter()
        .map(|record| {
            let members: serde_json::Map<_, _> = HEADER
                .split(',')
                .zip(record.trim().split(','))
                .map(|(k, v)| (k.to_owned(), v.into()))
                .collect();
            serde_json::Value::Object(members).to_string()
        })
        .collect();
    let csv = CsvDecoder::new(mapping()).unwrap();
    let ndjson = NdjsonDecoder::new(mapping()).unwrap();
    measure("csv, plain", &csv, &plain, &context);
    measure("csv, quoted", &csv, &quoted, &context);
    measure("ndjson", &ndjson, &objects, &context);
}

fn measure(name: &str, decoder: &dyn Decode, records: &[String], context: &DecodeContext<'_>) {
    let started = Instant::now();
    let mut read = 0usize;
    for record in records.iter().cycle().take(RECORDS) {
        if let Reading::Read(decoded) = black_box(decoder.decode(record.as_bytes(), context)) {
            read += decoded.records.len();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    assert_eq!(read, RECORDS);
    println!(
        "{name}: {:.0} records/s, {:.2} us each",
        RECORDS as f64 / seconds,
        seconds * 1e6 / RECORDS as f64
    );
}
