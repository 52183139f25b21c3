//! `panorama demo`: a synthetic health system, the whole pipeline, and what it found.

use crate::cli::{ConfigFile, Demo, Output, Role, TablesAt};
use crate::command::identity;
use crate::command::synth;
use crate::command::tables::{Location, Rows};
use crate::render;
use crate::service::{self, Service};
use anyhow::{Context, bail};
use panorama_runtime::Metrics;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) fn run(demo: &Demo, output: &Output) -> anyhow::Result<()> {
    let dir = directory(demo)?;
    let say = |text: &str| {
        if !output.quiet {
            render::line(text);
        }
    };
    say(&format!(
        "1/3  making a health system of {} persons in {}",
        render::thousands(demo.persons as u64),
        dir.display()
    ));
    let feeds = synth::generate(&dir.join("feeds"), demo.persons, demo.seed, None)?;
    let total: u64 = feeds.values().sum();
    let config_path = dir.join("panorama.yaml");
    let path = |name: &str| dir.join(name).display().to_string();
    fs::write(
        &config_path,
        panorama_synth::example_config(&path("feeds"), &path("data"), &path("tables")),
    )
    .with_context(|| format!("cannot write {}", config_path.display()))?;
    say(&format!(
        "2/3  running the pipeline on {} messages",
        render::thousands(total)
    ));
    let file = ConfigFile {
        config: config_path.clone(),
        set: Vec::new(),
    };
    let service = Service::open(service::load(&file)?)?;
    let began = Instant::now();
    let progress = Progress::start(Arc::clone(&service.metrics), total, output.quiet);
    let outcome = service.run(Role::All, true, false);
    progress.stop();
    let (outcome, took) = (outcome?, began.elapsed());
    if !outcome.caught_up {
        bail!(
            "stopped before the end; the same command with --dir {} goes on",
            dir.display()
        );
    }
    say("3/3  reading the tables\n");
    show(&dir, &file, &feeds, outcome.messages, took)
}

/// The directory to use: the one asked for, or a fresh one.
fn directory(demo: &Demo) -> anyhow::Result<PathBuf> {
    let dir = match &demo.dir {
        Some(dir) => dir.clone(),
        None => (1..)
            .map(|n| {
                PathBuf::from(if n == 1 {
                    "panorama-demo".to_owned()
                } else {
                    format!("panorama-demo-{n}")
                })
            })
            .find(|dir| !dir.exists())
            .context("no free directory name")?,
    };
    for made in ["feeds", "data", "tables"] {
        if dir.join(made).exists() {
            bail!(
                "{} is there already: choose another --dir, or remove it",
                dir.join(made).display()
            );
        }
    }
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::canonicalize(&dir).with_context(|| format!("cannot find {}", dir.display()))
}

/// A bar that follows the decoded messages.
struct Progress {
    bar: indicatif::ProgressBar,
    done: Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Progress {
    fn start(metrics: Arc<Metrics>, total: u64, quiet: bool) -> Self {
        let bar = if quiet {
            indicatif::ProgressBar::hidden()
        } else {
            indicatif::ProgressBar::new(total)
        };
        let style = indicatif::ProgressStyle::with_template("     {bar:40} {pos}/{len} messages  {per_sec}");
        bar.set_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_bar()));
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (shown, stop) = (bar.clone(), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                shown.set_position(metrics.messages_read().min(total));
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        Self {
            bar,
            done,
            thread: Some(thread),
        }
    }

    fn stop(mut self) {
        self.done.store(true, std::sync::atomic::Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            thread.join().unwrap_or_default();
        }
        self.bar.finish_and_clear();
    }
}

fn show(
    dir: &Path,
    file: &ConfigFile,
    feeds: &BTreeMap<String, u64>,
    messages: u64,
    took: Duration,
) -> anyhow::Result<()> {
    let at = Location::of(&TablesAt {
        file: file.clone(),
        location: None,
    })?;
    render::table(
        &["feed", "messages"],
        feeds
            .iter()
            .map(|(feed, n)| vec![feed.clone(), render::thousands(*n)]),
    );
    let persons_there = count_lines(&dir.join("feeds/truth/persons.csv"))?;
    let people = at.rows("patient_360", Rows::default())?;
    let patients = people
        .iter()
        .filter(|p| p["is_patient"] == Value::Bool(true))
        .count() as u64;
    let joined = people
        .iter()
        .filter(|p| p["source_count"].as_u64() > Some(1))
        .count() as u64;
    render::line(format!(
        "\npersons found {} (of them patients {}, known to several sources {}); real people {}",
        render::thousands(people.len() as u64),
        render::thousands(patients),
        render::thousands(joined),
        render::thousands(persons_there)
    ));
    render::line(
        "(people whose records give too little to match stay apart; anonymous visitors are persons of their own)\n",
    );
    render::line("match quality against the known truth:");
    identity::print(&identity::quality(&at, &dir.join("feeds/truth/entities.csv"))?);
    if let Some(example) = example(&people) {
        show_person(&at, example)?;
    }
    let rate = messages as f64 / took.as_secs_f64().max(1e-9);
    render::line(format!(
        "\n{} messages from files to committed tables in {:.1} s: {} messages/s\n",
        render::thousands(messages),
        took.as_secs_f64(),
        render::thousands(rate as u64)
    ));
    let config = file.config.display();
    // As the user can type it: the program is seldom on the path of who has just built it.
    let program =
        std::env::current_exe().map_or_else(|_| "panorama".to_owned(), |path| path.display().to_string());
    render::line("look further:");
    for command in [
        format!("{program} tables list --config {config}"),
        format!("{program} tables show patient_360 --limit 3 --config {config}"),
        format!(
            "{program} identity evaluate --truth {}/feeds/truth/entities.csv --config {config}",
            dir.display()
        ),
        format!("{program} status --config {config}"),
    ] {
        render::line(format!("  {command}"));
    }
    Ok(())
}

fn count_lines(path: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((text.lines().count() as u64).saturating_sub(1))
}

/// The person with most to show: several sources, most evidence.
fn example(people: &[Value]) -> Option<&Value> {
    let weight = |p: &&Value| {
        let number = |key: &str| p[key].as_u64().unwrap_or(0);
        (
            number("source_count"),
            number("encounter_count").min(9),
            number("interaction_count").min(20),
            number("record_count"),
        )
    };
    people
        .iter()
        .filter(|p| p["is_patient"] == Value::Bool(true))
        .max_by_key(weight)
}

fn show_person(at: &Location, person: &Value) -> anyhow::Result<()> {
    render::line("\none person's 360-degree record:");
    for key in [
        "person_id",
        "full_name",
        "birth_date",
        "sex",
        "phones",
        "emails",
        "address_line",
        "city",
        "state",
        "postal_code",
        "primary_mrn",
        "sources",
        "record_count",
        "identity_confidence",
        "encounter_count",
        "observation_count",
        "interaction_count",
        "no_shows_12m",
        "next_appointment_at",
        "engagement_score",
        "journey_phase",
    ] {
        let cell = render::member(person, key);
        if !cell.is_empty() {
            render::line(format!("  {key:20} {cell}"));
        }
    }
    render::line("\nand journey:");
    let id = render::member(person, "person_id");
    let mut steps = at.rows(
        "journey",
        Rows {
            person: Some(id),
            ..Rows::default()
        },
    )?;
    steps.sort_by_key(|step| render::member(step, "entered_at"));
    let longest = steps
        .iter()
        .filter_map(|s| s["days_in_phase"].as_u64())
        .max()
        .unwrap_or(1)
        .max(1);
    for step in &steps {
        let days = step["days_in_phase"].as_u64().unwrap_or(0);
        let bar = "█".repeat(usize::try_from(1 + days * 30 / longest).unwrap_or(1));
        let from: String = render::member(step, "entered_at").chars().take(10).collect();
        let now = if step["is_current"] == Value::Bool(true) {
            "  (now)"
        } else {
            ""
        };
        render::line(format!(
            "  {from}  {:18} {bar} {days} days{now}",
            render::member(step, "phase")
        ));
    }
    Ok(())
}
