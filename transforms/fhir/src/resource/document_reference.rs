//! DocumentReference: what a document is and where it lies; never its content.

use super::{Reader, Resource};
use crate::datatype::concept;
use crate::node::Node;
use crate::output::Output;
use panorama_model::fact::documents as column;
use panorama_model::{FactTable, Row};

pub(super) const READER: Reader = Reader {
    name: "DocumentReference",
    said_at: &["date"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("subject") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Documents, resource.id.as_ref());
    let row = &mut fact.row;
    let encounter = root.get_if_there("context").map(|context| context.first("encounter"));
    row.set_some(column::ENCOUNTER_ID, encounter.and_then(|node| resource.bundle.id_of(node)));
    let kind = concept(root.get("type"), &["http://loinc.org"]);
    row.set_some(column::TYPE_CODE, kind.code);
    row.set_some(column::TYPE_DISPLAY, kind.display);
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::DOCUMENT_STATUS, resource.text("docStatus"));
    row.set_some(column::CREATED_AT, resource.time(&["date"]));
    row.set_some(column::AUTHOR_NPI, resource.npi(root.first("author")));
    row.set_some(column::TITLE, resource.text("description"));
    let attachment = root.first("content").get_if_there("attachment");
    if let Some(attachment) = attachment {
        set_attachment(row, attachment);
    }
    let replaced = root.list("relatesTo").find(|r| r.get("code").str() == Some("replaces"));
    row.set_some(column::REPLACES, replaced.and_then(|r| resource.bundle.id_of(r.get("target"))));
    output.fact(owner, fact);
}

/// Sets media type, place and size from an `Attachment`.
pub(super) fn set_attachment(row: &mut Row, attachment: Node<'_>) {
    if !attachment.exists() {
        return;
    }
    if row.get(column::TITLE).is_none() {
        row.set_some(column::TITLE, attachment.get("title").text());
    }
    row.set_some(column::CONTENT_TYPE, attachment.get("contentType").text());
    row.set_some(column::CONTENT_URL, attachment.get("url").text());
    let stated = attachment.get_if_there("size").and_then(Node::int);
    let measured = || attachment.get("data").str().map(base64_bytes);
    row.set_some(column::CONTENT_BYTES, stated.or_else(measured));
}

/// How many bytes a base64 text stands for, as it lies in the JSON text (`\/`, `\n`).
fn base64_bytes(text: &str) -> i64 {
    let digits = if text.contains('\\') || text.contains(' ') {
        base64_digits(text)
    } else {
        text.trim_end_matches('=').len()
    };
    i64::try_from(digits / 4 * 3 + (digits % 4).saturating_sub(1)).unwrap_or(i64::MAX)
}

fn base64_digits(text: &str) -> usize {
    let (mut digits, mut is_escaped) = (0usize, false);
    for byte in text.bytes() {
        let is_digit = match byte {
            b'n' | b'r' | b't' => !is_escaped,
            b'+' | b'/' | b'-' | b'_' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        is_escaped = byte == b'\\';
        digits += usize::from(is_digit);
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::base64_bytes;

    #[test]
    fn base64_sizes() {
        let check = |text: &str, expected: i64| assert_eq!(base64_bytes(text), expected, "{text}");
        check("", 0);
        check("aGVsbG8=", 5);
        check("aGVsbG8", 5);
        check("YWI=", 2);
        check("YQ==", 1);
        check("YQ", 1);
        check("aGVs\\nbG8=", 5);
        check("\\/\\/\\/\\/", 3);
    }
}
