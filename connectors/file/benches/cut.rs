//! How fast files are cut into messages: `cargo bench -p panorama-file`.

use bytes::Bytes;
use panorama_file::split;
use panorama_model::Framing;
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "a bench reports to the terminal")]
fn main() {
    let segment = "OBX|1|NM|2345-7^Glucose^LN||112|mg/dL|70-105|H|||F|||20260301101500\r";
    let message = format!(
        "MSH|^~\\&|LAB|NORTH|||20260301101500||ORU^R01|1|P|2.5\r{}",
        segment.repeat(25)
    );
    let value = format!(
        "{{\"id\":\"1\",\"text\":\"{}\"}}\n",
        "a \\\"quoted\\\" word, ".repeat(60)
    );
    let pretty = value.replace(':', ":\n").replace(',', ",\n");
    let record = format!("1,\"Rivera, \"\"Al\"\"\",{}\n", "column,".repeat(30));
    let line = format!("{}\n", "x".repeat(400));
    for (framing, name, unit) in [
        (Framing::Hl7, "hl7", message),
        (Framing::Json, "ndjson", value),
        (Framing::Json, "json values", pretty),
        (Framing::Csv, "csv", record),
        (Framing::Lines, "lines", line),
    ] {
        let bytes = Bytes::from(unit.repeat((256 << 20) / unit.len()));
        let start = Instant::now();
        let count = split(framing, "bench", &bytes).len();
        let seconds = start.elapsed().as_secs_f64();
        let megabytes = bytes.len() as f64 / 1e6;
        println!("{name:12} {count:9} messages {:7.0} MB/s", megabytes / seconds);
    }
}
