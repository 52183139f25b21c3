//! Bad configurations, each with the place and the words that must be told; and what good ones mean.

use crate::*;
use panorama_model::{ByteCount, Period};
use schemars::JsonSchema;
use serde::Deserialize;
use std::io;

const KNOWN: Known<'static> = Known {
    source_types: &["mllp", "file", "fhir", "webhook"],
    formats: &[
        KnownFormat {
            name: "hl7v2",
            timezone: TimezoneNeed::Advised,
        },
        KnownFormat {
            name: "fhir-r4",
            timezone: TimezoneNeed::None,
        },
        KnownFormat {
            name: "csv",
            timezone: TimezoneNeed::None,
        },
        KnownFormat {
            name: "asterisk-cdr",
            timezone: TimezoneNeed::Required,
        },
        KnownFormat {
            name: "five9",
            timezone: TimezoneNeed::Required,
        },
    ],
    bus_types: &["local"],
};

fn environment(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some("hunter2".into()),
        "NUMBER" => Some("7".into()),
        "LISTEN" => Some("127.0.0.1:1111".into()),
        _ => None,
    }
}

fn file(path: &str) -> io::Result<String> {
    match path {
        "/run/secret" => Ok("hunter2\n".into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn load_with(text: &str, overrides: &[(&str, &str)]) -> Result<Config, Vec<ConfigProblem>> {
    let overrides: Vec<(String, String)> = overrides
        .iter()
        .map(|(k, v)| ((*k).into(), (*v).into()))
        .collect();
    let around = Surroundings {
        env: &environment,
        read_file: &file,
    };
    load(text, &overrides, &KNOWN, &around)
}

/// A source that is fine, to stand beside what is not.
const SOURCE: &str = "sources: [{id: a, type: file, format: fhir-r4, path: x}]\n";

/// (YAML, path, words). `+` at the start stands for [`SOURCE`].
const BAD: &[(&str, &str, &str)] = &[
    // Text that is no YAML, or no map.
    ("", "sources", "required and missing"),
    ("a: [", "", "not readable as YAML"),
    ("a: 1\na: 2\n", "", "not readable as YAML"),
    ("name:\n\tx: y", "", "not readable as YAML"),
    ("- name: x", "", "expected a map, found a list"),
    ("just text", "", "expected a map, found `just text`"),
    // Keys.
    ("+nmae: x", "nmae", "did you mean `name`?"),
    ("+data-dir: x", "data-dir", "did you mean `data_dir`?"),
    (
        "+tables: {locaton: x}",
        "tables.locaton",
        "did you mean `location`?",
    ),
    (
        "+tables: {zzz: x}",
        "tables.zzz",
        "one of: location, commit_interval",
    ),
    (
        "+identity: {threshold: 1}",
        "identity.threshold",
        "is not known here",
    ),
    ("+limits: {threads: 1}", "limits.threads", "decode_threads"),
    ("+http: {port: 80}", "http.port", "listen"),
    ("+bus: {kind: local}", "bus.kind", "type"),
    ("name: x", "sources", "required and missing"),
    // Types.
    ("+name: [x]", "name", "expected a text, found a list"),
    ("+name: 5", "name", "expected a text, found `5`"),
    ("+name: true", "name", "found `true`"),
    ("+name:", "name", "has no value"),
    ("+tables:", "tables", "has no value"),
    (
        "sources: [{id: a, type: file, format: csv, timezone: on}]",
        "sources[0].timezone",
        "`on` is no time zone",
    ),
    ("+tables: here", "tables", "expected a map, found `here`"),
    ("+tables: {location: 5}", "tables.location", "expected a text"),
    ("+tables: {options: [a]}", "tables.options", "expected a map"),
    (
        "+tables: {options: {a: {b: c}}}",
        "tables.options.a",
        "expected a text, found a map",
    ),
    ("sources: {id: a}", "sources", "expected a list"),
    ("sources: mllp", "sources", "expected a list"),
    ("sources: [mllp]", "sources[0]", "expected a map, found `mllp`"),
    ("sources:", "sources", "expected a list"),
    (
        "+limits: {decode_threads: many}",
        "limits.decode_threads",
        "whole number",
    ),
    (
        "+limits: {decode_threads: 1.5}",
        "limits.decode_threads",
        "whole number",
    ),
    ("+identity: {model: 5}", "identity.model", "expected a text"),
    (
        "+identity: {auto_link_probability: high}",
        "identity.auto_link_probability",
        "a number from 0 to 1",
    ),
    // Ranges and forms.
    (
        "+identity: {auto_link_probability: 1.01}",
        "identity.auto_link_probability",
        "a number from 0 to 1, found `1.01`",
    ),
    (
        "+identity: {review_probability: -0.1}",
        "identity.review_probability",
        "a number from 0 to 1",
    ),
    (
        "+identity: {review_probability: 99}",
        "identity.review_probability",
        "a number from 0 to 1",
    ),
    (
        "+limits: {decode_threads: -1}",
        "limits.decode_threads",
        "from 0 to 1024",
    ),
    (
        "+limits: {epoch_messages_max: 0}",
        "limits.epoch_messages_max",
        "from 1 to",
    ),
    (
        "+limits: {epoch_bytes_max: lots}",
        "limits.epoch_bytes_max",
        "such as 64KiB",
    ),
    (
        "+limits: {epoch_bytes_max: 0}",
        "limits.epoch_bytes_max",
        "a number of bytes",
    ),
    (
        "+limits: {memory_bytes_max: -1}",
        "limits.memory_bytes_max",
        "a number of bytes",
    ),
    (
        "+tables: {commit_interval: 10}",
        "tables.commit_interval",
        "with its unit, such as 10s",
    ),
    (
        "+tables: {commit_interval: 0s}",
        "tables.commit_interval",
        "a length of time",
    ),
    (
        "+tables: {commit_interval: 10 seconds}",
        "tables.commit_interval",
        "a length of time",
    ),
    ("+bus: {replication: -1}", "bus.replication", ""),
    ("+bus: {retention: -7d}", "bus.retention", "a length of time"),
    ("+bus: {cache: 5 apples}", "bus.cache", "a number of bytes"),
    ("+http: {listen: 9600}", "http.listen", "host:port"),
    ("+http: {listen: \"localhost\"}", "http.listen", "host:port"),
    ("+http: {listen: \"localhost:99999\"}", "http.listen", "host:port"),
    // Meaning: name, bus, places, identity.
    ("+name: \"a/b\"", "name", "is no name"),
    ("+name: \"\"", "name", "is no name"),
    ("+bus: {type: redis}", "bus.type", "`redis` is not known"),
    ("+bus: {type: locla}", "bus.type", "did you mean `local`?"),
    (
        "+bus: {type: kafka, brokers: [\"a:1\"]}",
        "bus.type",
        "`kafka` is not available in this build `cargo build --release --features kafka`",
    ),
    (
        "+bus: {type: kafka}",
        "bus.brokers",
        "is required with type kafka",
    ),
    (
        "+bus: {brokers: [\"a:1\"]}",
        "bus.brokers",
        "means nothing with type local",
    ),
    ("+data_dir: \"\"", "data_dir", "is empty"),
    ("+tables: {location: \" \"}", "tables.location", "is empty"),
    (
        "+tables: {location: \"ftp://x/y\"}",
        "tables.location",
        "no place for tables",
    ),
    (
        "+tables: {location: \"s3://\"}",
        "tables.location",
        "names no bucket",
    ),
    (
        "+data_dir: ./x\ntables: {location: ./x}",
        "tables.location",
        "the same as data_dir",
    ),
    (
        "+identity: {auto_link_probability: 0.4}",
        "identity.review_probability",
        "above auto_link_probability",
    ),
    (
        "+identity: {review_probability: 0.9, auto_link_probability: 0.8}",
        "identity.review_probability",
        "review",
    ),
    // Meaning: sources.
    ("sources: []", "sources", "there is no source"),
    (
        "sources: [{type: file, format: csv}]",
        "sources[0].id",
        "required and missing",
    ),
    (
        "sources: [{id: a, format: csv}]",
        "sources[0].type",
        "required and missing",
    ),
    (
        "sources: [{id: a, type: file}]",
        "sources[0].format",
        "required and missing",
    ),
    (
        "sources: [{id: A B, type: file, format: csv}]",
        "sources[0].id",
        "lower-case",
    ),
    (
        "sources: [{id: \"\", type: file, format: csv}]",
        "sources[0].id",
        "is no source id",
    ),
    (
        "sources: [{id: 7, type: file, format: csv}]",
        "sources[0].id",
        "expected a text",
    ),
    (
        "sources: [{id: a, type: flie, format: csv}]",
        "sources[0].type",
        "did you mean `file`?",
    ),
    (
        "sources: [{id: a, type: ftp, format: csv}]",
        "sources[0].type",
        "one of: mllp, file",
    ),
    (
        "sources: [{id: a, type: file, format: hl7}]",
        "sources[0].format",
        "`hl7` is no format",
    ),
    (
        "sources: [{id: a, type: file, format: fhir_r4}]",
        "sources[0].format",
        "did you mean `fhir-r4`?",
    ),
    (
        "sources: [{id: a, type: file, format: five9}]",
        "sources[0].timezone",
        "times in five9 carry no zone",
    ),
    (
        "sources: [{id: a, type: file, format: asterisk-cdr}]",
        "sources[0].timezone",
        "is required",
    ),
    (
        "sources: [{id: a, type: file, format: hl7v2, timezone: Mars/Olympus}]",
        "sources[0].timezone",
        "no time zone",
    ),
    (
        "sources: [{id: a, type: file, format: hl7v2, timezone: 5}]",
        "sources[0].timezone",
        "expected a text",
    ),
    (
        "sources: [{id: a, type: file, format: csv}, {id: a, type: file, format: csv}]",
        "sources[1].id",
        "used twice",
    ),
    (
        "sources: [{id: a, type: mllp, format: csv, listen: \"h:1\"}, {id: b, type: mllp, format: csv, listen: \"h:1\"}]",
        "sources[1].listen",
        "taken by sources[0].listen",
    ),
    // References.
    ("+name: ${MISSING}", "name", "`MISSING` is not set"),
    ("+name: ${MISS ING}", "name", "no environment variable"),
    ("+name: \"${SECRET\"", "name", "is not closed"),
    ("+name: file:/missing", "name", "cannot read the file `/missing`"),
    (
        "+bus: {type: \"${SECRET}\"}",
        "bus.type",
        "found the referenced value",
    ),
    (
        "+limits: {decode_threads: \"${SECRET}\"}",
        "limits.decode_threads",
        "found the referenced value",
    ),
    (
        "+tables: {commit_interval: file:/run/secret}",
        "tables.commit_interval",
        "found the referenced value",
    ),
];

#[test]
fn bad_configurations_are_refused_with_place_and_words() {
    let mut missed = Vec::new();
    for (yaml, path, words) in BAD {
        let text = yaml
            .strip_prefix('+')
            .map_or_else(|| (*yaml).to_owned(), |rest| format!("{SOURCE}{rest}"));
        let problems = load_with(&text, &[]).map(drop).expect_err(yaml);
        let shown: Vec<String> = problems.iter().map(|p| p.in_file("x.yaml")).collect();
        let found = problems
            .iter()
            .any(|p| p.path == *path && format!("{} {}", p.message, p.hint).contains(words));
        if !found {
            missed.push(format!("{yaml}\nwanted {path}: {words}\ngot {shown:#?}"));
        }
        assert!(
            shown.iter().all(|line| !line.contains("hunter2")),
            "a secret was printed: {shown:?}"
        );
    }
    assert!(missed.is_empty(), "{}", missed.join("\n\n"));
    assert!(BAD.len() > 60);
}

#[test]
fn every_problem_is_told_at_once_in_order_with_its_place() {
    let text = "nmae: x\nsources:\n  - id: a\n    type: flie\n    format: five9\n  - id: a\n    type: file\n    format: csv\n\
                identity:\n  review_probability: 2\n";
    let problems = load_with(text, &[]).unwrap_err();
    let places: Vec<_> = problems
        .iter()
        .map(|p| (p.line, p.column, p.path.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (1, 1, "nmae"),
            (3, 5, "sources[0].timezone"),
            (4, 11, "sources[0].type"),
            (6, 9, "sources[1].id"),
            (10, 23, "identity.review_probability"),
            (10, 23, "identity.review_probability"),
        ]
    );
    assert_eq!(
        problems[2].in_file("panorama.yaml"),
        "panorama.yaml:4:11: sources[0].type: `flie` is no source type (did you mean `file`?)"
    );
}

#[test]
fn good_configurations_and_their_defaults() {
    let config = load_with(SOURCE, &[]).unwrap();
    assert_eq!(
        (config.name.as_str(), config.data_dir.as_str()),
        ("panorama", "./data")
    );
    assert_eq!(config.tables.commit_interval, Period::from_seconds(10));
    assert_eq!(config.limits.epoch_bytes_max, ByteCount::from_mebibytes(64));
    assert_eq!(config.identity.auto_link_probability, 0.99);
    assert_eq!(config.http.listen, "127.0.0.1:9600");
    assert_eq!(config.bus.r#type, BusType::Local);
    for zone in ["America/Chicago", "-06:00", "+0530", "UTC"] {
        let text = format!("sources: [{{id: a, type: file, format: hl7v2, path: x, timezone: \"{zone}\"}}]");
        assert_eq!(
            load_with(&text, &[]).unwrap().sources[0].timezone.as_deref(),
            Some(zone)
        );
    }
    assert!(load_with(&format!("{SOURCE}identity: {{model: null}}\n"), &[]).is_ok());
    assert!(
        load_with(
            &format!("{SOURCE}tables: {{location: \"file:///var/tables\"}}\n"),
            &[]
        )
        .is_ok()
    );
}

#[test]
fn what_may_surprise_is_a_warning() {
    let warnings = |zone: &str| {
        let text = format!("sources: [{{id: a, type: file, format: hl7v2, path: x{zone}}}]");
        load_with(&text, &[]).unwrap().warnings
    };
    assert_eq!(warnings(", timezone: UTC"), []);
    let missing = warnings("");
    assert_eq!(
        (missing.len(), missing[0].path.as_str(), missing[0].line),
        (1, "sources[0].timezone", 1)
    );
}

#[test]
fn the_example_is_good() {
    let config = load_with(&example().replace("amazon-connect", "fhir-r4"), &[]).unwrap();
    assert_eq!(config.sources.len(), 5);
    assert_eq!(config.sources[4].options["columns"]["address_line"][1], "street");
    let keys: Vec<_> = config.sources[4].options.keys().map(String::as_str).collect();
    assert_eq!(keys, ["path", "record", "columns", "birth_date_format"]);
}

#[test]
fn references_are_resolved_and_never_shown() {
    let text = format!(
        "{SOURCE}limits: {{decode_threads: \"${{NUMBER}}\"}}\nhttp: {{listen: \"${{LISTEN}}\"}}\n\
         tables: {{options: {{key: file:/run/secret, both: \"a-${{SECRET}}-${{MISSING:-b}}\"}}}}\n"
    );
    let config = load_with(&text, &[]).unwrap();
    assert_eq!(config.limits.decode_threads, 7);
    assert_eq!(config.http.listen, "127.0.0.1:1111");
    assert_eq!(config.tables.options.0["key"], "hunter2");
    assert_eq!(config.tables.options.0["both"], "a-hunter2-b");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn overrides_are_typed_yaml() {
    let check = |path: &str, value: &str, read: fn(&Config) -> String, expected: &str| {
        let config = load_with(SOURCE, &[(path, value)]).unwrap_or_else(|p| panic!("{path}: {p:?}"));
        assert_eq!(read(&config), expected, "{path}={value}");
    };
    check("tables.location", "/x", |c| c.tables.location.clone(), "/x");
    check(
        "limits.decode_threads",
        "3",
        |c| c.limits.decode_threads.to_string(),
        "3",
    );
    check("sources[0].id", "b", |c| c.sources[0].id.clone(), "b");
    check(
        "sources.0.path",
        "[p, q]",
        |c| c.sources[0].options["path"].to_string(),
        r#"["p","q"]"#,
    );
    check(
        "sources.a.path",
        "${SECRET}",
        |c| c.sources[0].options["path"].to_string(),
        "\"hunter2\"",
    );
    check("bus", "{retention: 1d}", |c| c.bus.retention.to_string(), "1d");
    let bad = |path: &str, value: &str, words: &str| {
        let problems = load_with(SOURCE, &[(path, value)]).unwrap_err();
        assert!(
            problems
                .iter()
                .any(|p| p.line == 0 && p.to_string().contains(words)),
            "{path}: {problems:?}"
        );
    };
    bad("tables.locaton", "x", "did you mean `location`?");
    bad("sources.zzz.path", "x", "no `zzz` to set");
    bad("sources[9].path", "x", "count lists from 0");
    bad("a..b", "x", "not a path");
    bad("name", "[", "not readable");
    bad("name.x", "1", "expected a text, found a map");
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Where to listen.
    listen: String,
    /// How many.
    #[serde(default)]
    #[schemars(range(min = 1))]
    count: Option<u32>,
    /// How long.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "period"))]
    wait: Option<Period>,
    /// Its own part.
    #[serde(default)]
    inner: Option<Inner>,
}

/// A part of parameters.
#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Inner {
    /// A file.
    key: String,
}

#[test]
fn parameters_are_read_by_their_owner() {
    let read = |options: &str| {
        let text =
            format!("sources:\n  - id: a\n    type: mllp\n    format: csv\n    record: person\n{options}");
        load_with(&text, &[]).unwrap().sources[0].params::<Params>(&["record"])
    };
    let params =
        read("    listen: h:1\n    wait: 5s\n    inner: {key: \"${SECRET}\"}\n    count: ${NUMBER}\n")
            .unwrap();
    assert_eq!(
        (params.count, params.wait),
        (Some(7), Some(Period::from_seconds(5)))
    );
    assert_eq!(
        params.inner,
        Some(Inner {
            key: "hunter2".into()
        })
    );
    let check = |options: &str, expected: &[&str]| {
        let problems = read(options).unwrap_err();
        let shown: Vec<String> = problems.iter().map(|p| p.in_file("x")).collect();
        assert_eq!(shown, expected);
    };
    check(
        "    lsiten: h:1\n",
        &[
            "x:2:5: sources[0].listen: is required and missing (Where to listen)",
            "x:6:5: sources[0].lsiten: is not known here (did you mean `listen`?)",
        ],
    );
    check(
        "    listen: 5\n    count: 0\n    wait: 5\n",
        &[
            "x:6:13: sources[0].listen: expected a text, found `5`",
            "x:7:12: sources[0].count: expected a number of at least 1, found `0`",
            "x:8:11: sources[0].wait: expected a length of time with its unit, such as 10s, 5m, 250ms, found `5`",
        ],
    );
    check(
        "    listen: h:1\n    inner: {kye: x}\n",
        &[
            "x:7:12: sources[0].inner.key: is required and missing (A file)",
            "x:7:13: sources[0].inner.kye: is not known here (did you mean `key`?)",
        ],
    );
    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Record {
        record: String,
    }
    let text = "sources: [{id: a, type: file, format: csv, record: person, path: x}]";
    let source = load_with(text, &[]).unwrap().sources.remove(0);
    assert_eq!(source.options::<Record>(&["record"]).unwrap().record, "person");
    assert_eq!(
        source.problem("path", "m", "h").in_file("x"),
        "x:1:66: sources[0].path: m (h)"
    );
}

#[test]
fn schema_and_reference_name_every_option() {
    let parts = || {
        vec![Part {
            key: "type",
            name: "mllp",
            schema: schemars::schema_for!(Params),
        }]
    };
    let schema: serde_json::Value = serde_json::from_str(&json_schema(&parts())).unwrap();
    assert_eq!(
        schema["$defs"]["SourceConfig"]["allOf"][0]["if"]["properties"]["type"]["const"],
        "mllp"
    );
    let text = reference(&parts());
    for line in [
        "`tables.commit_interval` - a length of time with its unit, such as 10s, 5m, 250ms; default `10s`",
        "`identity.auto_link_probability` - a number from 0 to 1; default `0.99`",
        "`bus.type` - local | kafka; default `local`",
        "`bus.replication` - a whole number from 0 to 100; default `0`",
        "`sources[].id` - a text; required",
        "`sources[].timezone` - a text; optional",
        "`limits.memory_bytes_max` - a number of bytes, such as 64KiB, 16MiB; default `1GiB`",
        "`data_dir` - a text; default `./data`",
        "## sources[] with type: mllp",
        "`sources[].listen` - a text; required",
        "`sources[].inner.key` - a text; required",
        "    Where to listen.",
    ] {
        assert!(text.contains(line), "{line}\n---\n{text}");
    }
}
