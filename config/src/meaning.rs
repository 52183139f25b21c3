//! What a shape cannot say: names that must differ, exist, or agree. Looks at the tree, so that it can say what it knows
//! even where the shape is wrong elsewhere.

use crate::document::{Content, Node};
use crate::problem::{ConfigProblem, child, suggestion};
use crate::{IdentityConfig, Known, TimezoneNeed};
use panorama_model::Zone;
use std::collections::HashMap;

const WITH_KAFKA: &str = "`cargo build --release --features kafka` makes one that has it";

/// Checks the meaning of a tree; returns what is no problem yet may surprise.
pub(crate) fn check(root: &Node, known: &Known<'_>, problems: &mut Vec<ConfigProblem>) -> Vec<ConfigProblem> {
    let mut checker = Checker {
        root,
        known,
        problems,
        warnings: Vec::new(),
    };
    checker.name();
    checker.bus();
    checker.places();
    checker.identity();
    if let Some(sources) = root.get("sources") {
        if matches!(&sources.content, Content::List(items) if items.is_empty()) {
            checker.complain(
                "sources",
                "there is no source",
                "add at least one; `panorama config example` shows some",
            );
        }
        let mut ids = HashMap::new();
        for (at, source) in sources.items().iter().enumerate() {
            checker.source(source, &format!("sources[{at}]"), &mut ids);
        }
    }
    checker.listeners();
    checker.warnings
}

struct Checker<'a, 'k> {
    root: &'a Node,
    known: &'a Known<'k>,
    problems: &'a mut Vec<ConfigProblem>,
    warnings: Vec<ConfigProblem>,
}

impl<'a> Checker<'a, '_> {
    fn complain(&mut self, path: &str, message: impl Into<String>, hint: impl Into<String>) {
        let node = self.root.at(path);
        let place = node.map(|n| n.place).unwrap_or_default();
        // What came through a reference may be a secret, wherever it was put by mistake (INV-8).
        let problem = if node.is_some_and(|n| n.is_secret) {
            ConfigProblem::new(path, place, "the referenced value does not fit here", "")
        } else {
            ConfigProblem::new(path, place, message, hint)
        };
        self.problems.push(problem);
    }

    /// The text at a path, if there is one and it may be printed.
    fn text(&self, path: &str) -> Option<&'a str> {
        self.root.at(path).and_then(Node::text)
    }

    fn name(&mut self) {
        if self.text("name").is_some_and(|name| !is_slug(name, true)) {
            self.complain("name", "is no name", "use letters, digits, hyphens, underscores");
        }
    }

    fn bus(&mut self) {
        let bus = self.text("bus.type").unwrap_or("local");
        if !["local", "kafka"].contains(&bus) {
            return; // the shape says so
        }
        if !self.known.bus_types.contains(&bus) {
            let hint = match bus {
                "kafka" => WITH_KAFKA.to_owned(),
                _ => format!("use one of: {}", self.known.bus_types.join(", ")),
            };
            self.complain(
                "bus.type",
                format!("`{bus}` is not available in this build"),
                hint,
            );
        }
        let brokers = self.root.at("bus.brokers");
        if bus == "kafka" && brokers.is_none_or(|b| b.items().is_empty()) {
            self.complain(
                "bus.brokers",
                "is required with type kafka",
                "list brokers as host:port",
            );
        }
        if bus == "local" && brokers.is_some() {
            self.complain(
                "bus.brokers",
                "means nothing with type local",
                "leave it out, or set type: kafka",
            );
        }
    }

    fn places(&mut self) {
        for path in ["data_dir", "tables.location"] {
            if self.text(path).is_some_and(|text| text.trim().is_empty()) {
                self.complain(path, "is empty", "write a path");
            }
        }
        let location = self.text("tables.location").unwrap_or("./tables");
        if let Some((scheme, rest)) = location.split_once("://") {
            const SCHEMES: [&str; 8] = ["file", "s3", "s3a", "az", "abfs", "abfss", "gs", "memory"];
            if !SCHEMES.contains(&scheme) {
                let hint = "a path, or s3://, az://, gs://";
                self.complain(
                    "tables.location",
                    format!("`{scheme}://` is no place for tables"),
                    hint,
                );
            } else if rest.is_empty() {
                self.complain(
                    "tables.location",
                    "names no bucket or directory",
                    "write s3://bucket/path",
                );
            }
        }
        if location == self.text("data_dir").unwrap_or("./data") {
            let hint = "tables and state need a directory each";
            self.complain("tables.location", "is the same as data_dir", hint);
        }
    }

    fn identity(&mut self) {
        let number = |key: &str, default: f64| match self.root.at(&child("identity", key)).map(|n| &n.content)
        {
            Some(Content::Number(number)) => number.as_f64().unwrap_or(default),
            _ => default,
        };
        let unsaid = IdentityConfig::default();
        let review = number("review_probability", unsaid.review_probability);
        if review > number("auto_link_probability", unsaid.auto_link_probability) {
            let hint = "pairs between the two wait for review: write the smaller number here";
            self.complain(
                "identity.review_probability",
                "is above auto_link_probability",
                hint,
            );
        }
    }

    fn source(&mut self, source: &Node, path: &str, ids: &mut HashMap<&'a str, usize>) {
        let at = |key: &str| child(path, key);
        if let Some(id) = self.text(&at("id")) {
            let line = source.get("id").map_or(0, |n| n.place.line);
            if !is_slug(id, false) {
                self.complain(
                    &at("id"),
                    "is no source id",
                    "use lower-case letters, digits and hyphens",
                );
            } else if let Some(first) = ids.insert(id, line) {
                self.complain(
                    &at("id"),
                    format!("`{id}` is used twice"),
                    format!("first on line {first}; ids must differ"),
                );
            }
        }
        if let Some(ty) = self
            .text(&at("type"))
            .filter(|ty| !self.known.source_types.contains(ty))
        {
            if ty == "kafka" {
                self.complain(&at("type"), "`kafka` is not available in this build", WITH_KAFKA);
            } else {
                let hint = suggestion(ty, self.known.source_types);
                self.complain(&at("type"), format!("`{ty}` is no source type"), hint);
            }
        }
        let zone = self.text(&at("timezone"));
        if let Some(zone) = zone.filter(|zone| Zone::named(zone).is_none()) {
            let hint = "an IANA name such as America/Chicago, or an offset such as -06:00";
            self.complain(&at("timezone"), format!("`{zone}` is no time zone"), hint);
        }
        let Some(name) = self.text(&at("format")) else {
            return;
        };
        match self.known.formats.iter().find(|f| f.name == name) {
            None => {
                let names: Vec<&str> = self.known.formats.iter().map(|f| f.name).collect();
                self.complain(
                    &at("format"),
                    format!("`{name}` is no format"),
                    suggestion(name, &names),
                );
            }
            Some(format) if source.get("timezone").is_none() => {
                let hint = "add timezone: America/Chicago";
                let path = at("timezone");
                match format.timezone {
                    TimezoneNeed::Required => {
                        let message = format!("is required: times in {name} carry no zone");
                        self.problems
                            .push(ConfigProblem::new(&path, source.place, message, hint));
                    }
                    TimezoneNeed::Advised => {
                        let message =
                            format!("is missing: times in {name} that carry no zone cannot be read");
                        self.warnings
                            .push(ConfigProblem::new(&path, source.place, message, hint));
                    }
                    TimezoneNeed::None => {}
                }
            }
            Some(_) => {}
        }
    }

    /// No two listeners share an address.
    fn listeners(&mut self) {
        let count = self.root.get("sources").map_or(0, |s| s.items().len());
        let mut paths: Vec<String> = (0..count).map(|at| format!("sources[{at}].listen")).collect();
        paths.push("http.listen".into());
        let mut taken: HashMap<&str, String> = HashMap::new();
        for path in paths {
            let Some(address) = self.text(&path).filter(|a| !a.ends_with(":0")) else {
                continue;
            };
            if let Some(first) = taken.get(address) {
                let message = format!("`{address}` is taken by {first}");
                self.complain(&path, message, "give each listener its own port");
            } else {
                taken.insert(address, path);
            }
        }
    }
}

fn is_slug(text: &str, is_free: bool) -> bool {
    let fits = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || b == b'-'
            || is_free && (b.is_ascii_uppercase() || b"_. ".contains(&b))
    };
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}
