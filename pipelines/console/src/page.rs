//! The page at `/`: what the pipeline is doing, for a person. Plain HTML, no scripts, refreshed by the browser.

use serde_json::Value;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#1d2733}\
    h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:2rem 0 .5rem;color:#51606f}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .75rem .35rem 0;border-bottom:1px solid #e3e8ee}\
    td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.k{display:flex;gap:2rem;margin:1rem 0}\
    .k b{display:block;font-size:1.6rem;font-weight:600}.k span{color:#51606f}";

/// The page for a status answer.
pub(crate) fn page(status: &Value) -> String {
    let mut html = String::from("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">");
    let name = text(status, "name");
    html += &format!(
        "<meta http-equiv=\"refresh\" content=\"5\"><title>Panorama - {name}</title><style>{STYLE}</style>"
    );
    html += &format!("<h1>Panorama</h1><div>{name}</div><div class=\"k\">");
    for (key, label) in [
        ("persons", "persons"),
        ("source_records", "source records"),
        ("messages_decoded", "messages decoded"),
        ("messages_quarantined", "in quarantine"),
        ("epoch", "epoch"),
    ] {
        html += &format!("<div><b>{}</b><span>{label}</span></div>", number(status, key));
    }
    html.push_str(
        "</div><h2>Sources</h2><table><tr><th>source<th>format<th class=n>stored<th class=n>behind</tr>",
    );
    for source in list(status, "sources") {
        html += &format!(
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}</tr>",
            text(source, "source"),
            text(source, "format"),
            number(source, "stored"),
            number(source, "lag")
        );
    }
    html.push_str("</table><h2>Quarantine</h2><table><tr><th>source<th>reason<th class=n>messages</tr>");
    for reason in list(status, "quarantine") {
        html += &format!(
            "<tr><td>{}<td>{}<td class=n>{}</tr>",
            text(reason, "source"),
            text(reason, "reason"),
            number(reason, "count")
        );
    }
    html.push_str("</table></html>");
    html
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A number with thin spaces between its thousands.
fn number(value: &Value, key: &str) -> String {
    let digits = value.get(key).and_then(Value::as_u64).unwrap_or(0).to_string();
    let mut spaced = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spaced.push('\u{2009}');
        }
        spaced.push(digit);
    }
    spaced
}
