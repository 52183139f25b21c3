//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// One 360-degree record per person, from every feed of a health system.
#[derive(Debug, Parser)]
#[command(name = "panorama", version, max_term_width = 100, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub output: Output,
}

/// How to speak.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// More words in the log; twice for debugging
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// Only errors in the log, no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,

    /// The log's form
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,

    /// Answer in JSON, for scripts
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a synthetic health system, run the whole pipeline on it, show what it found
    #[command(
        after_help = "Examples:\n  panorama demo\n  panorama demo --persons 20000 --seed 7 --dir /tmp/demo"
    )]
    Demo(Demo),
    /// Run the pipeline of a configuration
    #[command(
        after_help = "Examples:\n  panorama run --config panorama.yaml\n  panorama run --config panorama.yaml --until-caught-up\n  panorama run --config panorama.yaml --set tables.commit_interval=5s"
    )]
    Run(Run),
    /// Check a configuration: its shape, its meaning, its environment
    #[command(
        after_help = "Example:\n  panorama validate --config panorama.yaml --no-environment\n\nExits 78 if anything is wrong."
    )]
    Validate(Validate),
    /// Show sources, lag, epochs, tables, quarantine
    Status(ConfigFile),
    /// Messages that could not be read
    #[command(subcommand)]
    Quarantine(Quarantine),
    /// Who is who, and why
    #[command(subcommand)]
    Identity(Identity),
    /// The tables
    #[command(subcommand)]
    Tables(Tables),
    /// Move a pipeline from the embedded log to another log, with every message it ever received
    #[command(
        after_help = "Example:\n  panorama migrate --from panorama.yaml --config on-kafka.yaml\n\nThe old pipeline must have stopped. Run again, a move that was cut short goes on."
    )]
    Migrate(Migrate),
    /// Make only the synthetic feeds and their truth
    #[command(after_help = "Example:\n  panorama synth --persons 5000 --seed 1 --out feeds")]
    Synth(Synth),
    /// Help with configurations
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to put feeds, data and tables [default: ./panorama-demo, or the first free name after it]
    #[arg(long)]
    pub dir: Option<PathBuf>,
    /// Persons in the health system
    #[arg(long, default_value_t = 2000)]
    pub persons: usize,
    /// Seed: the same seed makes the same feeds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Configuration of the pipeline as it was
    #[arg(long)]
    pub from: PathBuf,
    #[command(flatten)]
    pub file: ConfigFile,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigFile {
    /// Configuration file
    #[arg(long, short, env = "PANORAMA_CONFIG", default_value = "panorama.yaml")]
    pub config: PathBuf,
    /// Change one option: `--set tables.commit_interval=5s`
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<String>,
}

fn assignment(text: &str) -> Result<String, &'static str> {
    match text.split_once('=') {
        Some(_) => Ok(text.to_owned()),
        None => Err("write KEY=VALUE"),
    }
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Stop, with exit code 0, once every finite source is read and every table holds it
    #[arg(long)]
    pub until_caught_up: bool,
    /// The part of the pipeline that this process runs
    #[arg(long, value_enum, default_value_t = Role::All)]
    pub role: Role,
}

/// The part of the pipeline that a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Everything
    All,
    /// Take messages from the sources into the log, and acknowledge them
    Ingest,
    /// Make records, persons and tables of what the log has
    Process,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Leave out what needs the machine: paths, ports, credentials
    #[arg(long)]
    pub no_environment: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Quarantine {
    /// List what could not be read, and why
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Most entries to show
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one entry with its exact bytes
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// The entry's id
        id: String,
    },
    /// Put messages back into their topic, to be read again after a fix
    Replay {
        #[command(flatten)]
        file: ConfigFile,
        /// All entries that are still open
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// The entries' ids
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
    },
    /// Write the exact bytes of every open entry into a directory
    Export {
        #[command(flatten)]
        file: ConfigFile,
        /// Where to write
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Identity {
    /// The weight of every comparison between two source records
    #[command(
        after_help = "A record is named source/id, source/authority/id or source/kind/id:\n  panorama identity explain hospital/MRN000123 crm/C-77"
    )]
    Explain {
        #[command(flatten)]
        file: ConfigFile,
        /// One record
        a: String,
        /// The other record
        b: String,
    },
    /// A person, or the person of a record: members, links, history
    Show {
        #[command(flatten)]
        file: ConfigFile,
        /// A person id, or a record as source/id
        of: String,
    },
    /// Compare the links with a known truth: `source_record_id,entity_id` and optionally `source`
    #[command(
        after_help = "Examples:\n  panorama identity evaluate --truth truth.csv\n  panorama identity evaluate --truth truth.csv --compare model.json\n\nWith --compare, all records are linked anew in memory, under the model in force and under the other; the truth may be left out then."
    )]
    Evaluate {
        #[command(flatten)]
        file: ConfigFile,
        /// The truth
        #[arg(long, required_unless_present = "compare")]
        truth: Option<PathBuf>,
        /// A model to hold against the one in force, before it is adopted
        #[arg(long, value_name = "MODEL")]
        compare: Option<PathBuf>,
    },
    /// Ask by published rules instead of scores: the field combinations of the CMS matching proposal
    #[command(
        after_help = "Examples:\n  panorama identity cms hospital/MRN000123\n  panorama identity cms --query person.json --json\n\nA query file is a JSON object of canonical fields: {\"given_name\": \"Ann\", \"family_name\": \"Lee\",\n\"birth_date\": \"1980-02-29\", \"phone\": [\"414-555-0123\"]}; `-` reads standard input. All records of a person count together.\nOne candidate is an answer; of two the rules may ask for more, of three or more for stricter evidence. Each candidate\ncomes with its audit: combination, exact or fuzzy, identifiers, uniqueness, rules version."
    )]
    Cms {
        #[command(flatten)]
        file: ConfigFile,
        /// A record already known, as source/id: whom its other records and other persons make it
        #[arg(required_unless_present = "query", conflicts_with = "query")]
        record: Option<String>,
        /// A person given, in canonical fields
        #[arg(long, value_name = "FILE")]
        query: Option<PathBuf>,
        /// Also use combinations 33-37, which members of one household fulfil together
        #[arg(long)]
        household_unsafe: bool,
    },
    /// Learn a match model from your own records, without labels
    #[command(
        after_help = "Example:\n  panorama identity train --out model.json\n  panorama identity evaluate --compare model.json\n\nSet identity.model to the file to adopt it: the next start matches all records again, in place."
    )]
    Train {
        #[command(flatten)]
        file: ConfigFile,
        /// Where to write the model
        #[arg(long)]
        out: PathBuf,
    },
    /// Doubtful pairs, for a steward to decide
    #[command(subcommand)]
    Review(Review),
    /// Say that two records are one person, whatever the scores say
    #[command(
        after_help = "Example:\n  panorama identity link hospital/MRN000123 crm/C-77 --by ana --note 'same insurance card'"
    )]
    Link(Decision),
    /// Say that two records are two people, whatever the scores say
    #[command(
        after_help = "Example:\n  panorama identity unlink hospital/MRN000123 crm/C-77 --by ana --note 'father and son'"
    )]
    Unlink(Decision),
    /// Take back what was said of two records: scores and sources decide again
    Withdraw(Decision),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Review {
    /// List the open pairs, worst consequence first
    List {
        #[command(flatten)]
        file: ConfigFile,
        /// Most pairs to show
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Decide a pair
    #[command(
        after_help = "Example:\n  panorama identity review decide 3f2a... match --by ana --note 'phoned her'"
    )]
    Decide {
        #[command(flatten)]
        file: ConfigFile,
        /// The pair's id, as `review list` shows it
        id: String,
        /// What holds
        verdict: Verdict,
        #[command(flatten)]
        who: Who,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verdict {
    Match,
    NoMatch,
    Withdrawn,
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::NoMatch => "no-match",
            Self::Withdrawn => "withdrawn",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    /// Who decides
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// Why; kept with the decision
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
}

#[derive(Debug, Args)]
pub(crate) struct Decision {
    #[command(flatten)]
    pub file: ConfigFile,
    /// One record, as source/id
    pub a: String,
    /// The other record
    pub b: String,
    #[command(flatten)]
    pub who: Who,
}

#[derive(Debug, Args)]
pub(crate) struct TablesAt {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Where the tables are, instead of the configuration's `tables.location`
    #[arg(long, value_name = "DIR")]
    pub location: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tables {
    /// List the tables
    List {
        #[command(flatten)]
        at: TablesAt,
    },
    /// A table's columns and what they mean
    Describe {
        #[command(flatten)]
        at: TablesAt,
        name: String,
    },
    /// Rows of a table
    #[command(
        after_help = "Examples:\n  panorama tables show patient_360 --limit 3\n  panorama tables show journey --person 6f0c... --json"
    )]
    Show {
        #[command(flatten)]
        at: TablesAt,
        name: String,
        /// Only this person
        #[arg(long)]
        person: Option<String>,
        /// Most rows
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Only these columns
        #[arg(long, value_delimiter = ',')]
        columns: Vec<String>,
        /// Answer in CSV
        #[arg(long)]
        csv: bool,
    },
    /// A table's commits
    History {
        #[command(flatten)]
        at: TablesAt,
        name: String,
        /// Most commits
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Merge small files into larger ones, and write a checkpoint
    #[command(
        after_help = "Examples:\n  panorama tables optimize\n  panorama tables optimize interactions --location /data/tables\n\nThe pipeline does this by itself; it may run meanwhile."
    )]
    Optimize {
        #[command(flatten)]
        at: TablesAt,
        /// The tables [default: all]
        names: Vec<String>,
    },
    /// Delete files that left their table longer ago than its retention, and what crashes left behind
    #[command(
        after_help = "Example:\n  panorama tables vacuum\n\nThe pipeline does this by itself; it may run meanwhile."
    )]
    Vacuum {
        #[command(flatten)]
        at: TablesAt,
        /// The tables [default: all]
        names: Vec<String>,
    },
    /// Write a table into one file
    #[command(
        after_help = "Examples:\n  panorama tables export patient_360 --out patients.parquet\n  panorama tables export journey --out journey.csv\n\nThe file holds patient data as it is."
    )]
    Export {
        #[command(flatten)]
        at: TablesAt,
        name: String,
        /// The file
        #[arg(long, short)]
        out: PathBuf,
        /// Its form [default: by the file's ending]
        #[arg(long, value_enum)]
        format: Option<ExportForm>,
    },
    /// Ask in SQL; every table is known by its name. Builds without the feature `sql` print the question for DuckDB
    #[command(after_help = "Examples:\n  \
        panorama tables query \"select sex, count(*) from patient_360 group by sex\"\n  \
        panorama tables query --csv --limit 100000 \"select * from encounters\" > encounters.csv")]
    Query {
        #[command(flatten)]
        at: TablesAt,
        /// The question: one SELECT
        sql: String,
        /// Most rows to print
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
        /// Print CSV
        #[arg(long)]
        csv: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportForm {
    Parquet,
    Csv,
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct Synth {
    /// Persons
    #[arg(long)]
    pub persons: usize,
    /// Seed: the same seed makes the same feeds
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where to write
    #[arg(long)]
    pub out: PathBuf,
    /// About how many messages in all [default: as many as the persons cause]
    #[arg(long)]
    pub messages: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// A commented start
    Example,
    /// The JSON Schema, for editors; --changes: of what is told in the topics of changes
    Schema {
        /// Of the messages in `<prefix>changes` and `<prefix>records` instead
        #[arg(long)]
        changes: bool,
    },
    /// Every option, documented
    Reference,
}
