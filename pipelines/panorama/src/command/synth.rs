//! `panorama synth`

use crate::cli::{Output, Synth};
use crate::render;
use anyhow::Context;
use panorama_synth::{FeedSink, SynthOptions};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// How far back the synthetic history begins: two years hold whole journeys.
const HISTORY_DAYS: i64 = 730;
/// Files kept open at a time while feeds are written.
const OPEN_FILES_MAX: usize = 64;

pub(crate) fn run(synth: &Synth, output: &Output) -> anyhow::Result<()> {
    let summary = generate(&synth.out, synth.persons, synth.seed, synth.messages)?;
    if output.json {
        render::json(&summary_json(&summary));
        return Ok(());
    }
    render::table(
        &["feed", "messages"],
        summary
            .iter()
            .map(|(feed, n)| vec![feed.clone(), render::thousands(*n)]),
    );
    render::line(format!("feeds and truth written to {}", synth.out.display()));
    Ok(())
}

fn summary_json(summary: &BTreeMap<String, u64>) -> serde_json::Value {
    serde_json::json!(summary)
}

/// Writes the feeds of a synthetic health system; returns messages per feed.
pub(crate) fn generate(
    out: &Path,
    persons: usize,
    seed: u64,
    messages: Option<u64>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let end = panorama_runtime::now().date().at_midnight_utc();
    let options = SynthOptions {
        persons,
        seed,
        messages,
        start: end.plus_days(-HISTORY_DAYS),
        end,
    };
    let mut sink = DirectorySink {
        root: out.to_owned(),
        open: BTreeMap::new(),
    };
    let summary = panorama_synth::generate(&options, &mut sink)
        .with_context(|| format!("cannot write feeds to {}", out.display()))?;
    sink.close()
        .with_context(|| format!("cannot write feeds to {}", out.display()))?;
    Ok([
        ("hl7 v2 (hospital)", summary.hospital_messages),
        ("fhir r4 (clinic)", summary.clinic_messages),
        ("amazon connect (contact-center)", summary.call_records),
        ("csv (crm)", summary.crm_rows),
        ("sendgrid (email)", summary.email_posts),
        ("segment (web)", summary.web_events),
        ("nppes", summary.provider_rows),
    ]
    .map(|(feed, count)| (feed.to_owned(), count))
    .into())
}

struct DirectorySink {
    root: PathBuf,
    open: BTreeMap<String, BufWriter<File>>,
}

impl DirectorySink {
    fn close(&mut self) -> io::Result<()> {
        for (_, mut file) in std::mem::take(&mut self.open) {
            file.flush()?;
        }
        Ok(())
    }
}

impl FeedSink for DirectorySink {
    type Error = io::Error;

    fn write(&mut self, file: &str, bytes: &[u8]) -> io::Result<()> {
        if !self.open.contains_key(file) {
            if self.open.len() >= OPEN_FILES_MAX {
                self.close()?;
            }
            let path = self.root.join(file);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let opened = File::options().create(true).append(true).open(path)?;
            self.open
                .insert(file.to_owned(), BufWriter::with_capacity(1 << 16, opened));
        }
        self.open.get_mut(file).map_or(Ok(()), |f| f.write_all(bytes))
    }
}
