//! Overrides from the command line, and references to the environment and to files.

use crate::Surroundings;
use crate::document::{Content, Entry, Node, parse};
use crate::problem::{ConfigProblem, Place, child};

/// Sets the value at a path: `tables.location`, `sources[0].listen`, `sources.hospital-adt.listen`.
pub(crate) fn override_value(root: &mut Node, path: &str, value: &str) -> Result<(), ConfigProblem> {
    let problem = |message: String, hint: &str| ConfigProblem::new(path, Place::default(), message, hint);
    let mut parsed =
        parse(value).map_err(|_| problem("the value given by --set is not readable".into(), "quote it"))?;
    forget_places(&mut parsed);
    let steps: Vec<&str> = path.split(['.', '[']).map(|s| s.trim_end_matches(']')).collect();
    if steps.iter().any(|s| s.is_empty()) {
        return Err(problem(
            "not a path".into(),
            "write it as --set tables.location=./tables",
        ));
    }
    let mut node = root;
    for step in steps {
        if matches!(node.content, Content::Null) {
            node.content = Content::Map(Vec::new());
        }
        node = match &mut node.content {
            Content::Map(entries) => {
                let at = entries.iter().position(|e| e.key == step).unwrap_or_else(|| {
                    entries.push(Entry {
                        key: step.to_owned(),
                        key_place: Place::default(),
                        node: empty(),
                    });
                    entries.len() - 1
                });
                entries.get_mut(at).map(|e| &mut e.node)
            }
            Content::List(items) => {
                let named = items
                    .iter()
                    .position(|i| i.get("id").and_then(Node::text) == Some(step));
                step.parse().ok().or(named).and_then(|at| items.get_mut(at))
            }
            _ => None,
        }
        .ok_or_else(|| {
            problem(
                format!("there is no `{step}` to set"),
                "count lists from 0, or name a source by its id",
            )
        })?;
    }
    *node = parsed;
    Ok(())
}

const fn empty() -> Node {
    Node {
        content: Content::Null,
        place: Place { line: 0, column: 0 },
        is_secret: false,
    }
}

fn forget_places(node: &mut Node) {
    node.place = Place::default();
    match &mut node.content {
        Content::List(items) => items.iter_mut().for_each(forget_places),
        Content::Map(entries) => entries.iter_mut().for_each(|e| {
            e.key_place = Place::default();
            forget_places(&mut e.node);
        }),
        _ => {}
    }
}

/// Resolves the references in all values.
pub(crate) fn resolve(
    node: &mut Node,
    path: &str,
    around: &Surroundings<'_>,
    problems: &mut Vec<ConfigProblem>,
) {
    match &mut node.content {
        Content::List(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                resolve(item, &format!("{path}[{at}]"), around, problems);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                resolve(&mut entry.node, &child(path, &entry.key), around, problems);
            }
        }
        Content::Text(text) => match resolve_text(text, around) {
            Ok(None) => {}
            Ok(Some(resolved)) => {
                *text = resolved;
                node.is_secret = true;
            }
            Err((message, hint)) => problems.push(ConfigProblem::new(path, node.place, message, hint)),
        },
        _ => {}
    }
}

type Complaint = (String, &'static str);

/// The text with its references resolved; none where it has none.
fn resolve_text(text: &str, around: &Surroundings<'_>) -> Result<Option<String>, Complaint> {
    if let Some(file) = text.strip_prefix("file:").filter(|rest| !rest.starts_with("//")) {
        return match (around.read_file)(file.trim()) {
            Ok(content) => Ok(Some(content.trim_end_matches(['\r', '\n']).to_owned())),
            Err(e) => Err((
                format!("cannot read the file `{}`: {}", file.trim(), e.kind()),
                "a value `file:PATH` stands for the file's content",
            )),
        };
    }
    let Some(first) = text.find("${") else {
        return Ok(None);
    };
    let (before, mut rest) = text.split_at(first);
    let mut resolved = before.to_owned();
    while let Some(after) = rest.strip_prefix("${") {
        let Some((name, tail)) = after.split_once('}') else {
            return Err(("`${` is not closed".into(), "write ${NAME}"));
        };
        let (name, default) = name.split_once(":-").map_or((name, None), |(n, d)| (n, Some(d)));
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_name {
            return Err((
                format!("`${{{name}}}` is no environment variable"),
                "write ${NAME}",
            ));
        }
        match (around.env)(name).or_else(|| default.map(str::to_owned)) {
            Some(value) => resolved.push_str(&value),
            None => {
                let message = format!("the environment variable `{name}` is not set");
                return Err((message, "set it, or write ${NAME:-default}"));
            }
        }
        let next = tail.find("${").unwrap_or(tail.len());
        let (plain, remaining) = tail.split_at(next);
        resolved.push_str(plain);
        rest = remaining;
    }
    Ok(Some(resolved))
}
