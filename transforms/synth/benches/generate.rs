//! Messages per second of the generator into a sink that only counts, with the sizes the demo and the load test use.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and reports"
)]

use panorama_model::{Date, Timestamp};
use panorama_synth::{FeedSink, SynthOptions, generate};
use std::convert::Infallible;
use std::time::Instant;

#[derive(Default)]
struct Count(u64);

impl FeedSink for Count {
    type Error = Infallible;

    fn write(&mut self, _: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0 += bytes.len() as u64;
        Ok(())
    }
}

fn day(year: i16) -> Timestamp {
    Date::from_ymd(year, 1, 1).unwrap_or_default().at_midnight_utc()
}

fn main() {
    for (persons, messages) in [(2_000, 24_000), (60_000, 1_000_000)] {
        let options = SynthOptions {
            persons,
            seed: 1,
            messages: Some(messages),
            start: day(2025),
            end: day(2026),
        };
        let (begun, mut sink) = (Instant::now(), Count::default());
        let Ok(summary) = generate(&options, &mut sink);
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{persons} persons: {} messages, {:.1} MB in {seconds:.2} s = {:.0} messages/s\n{summary:?}",
            summary.messages(),
            sink.0 as f64 / 1e6,
            summary.messages() as f64 / seconds,
        );
    }
}
