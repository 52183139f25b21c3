//! E-mail addresses: one spelling per mailbox.

use crate::text::is_in;
use panorama_model::Text;

/// Local parts that say "this person has no address". Sorted.
const PLACEHOLDER_LOCALS: &[&str] = &[
    "abc",
    "asdf",
    "declined",
    "donotreply",
    "email",
    "fake",
    "na",
    "no",
    "no-email",
    "no-reply",
    "nobody",
    "noemail",
    "nomail",
    "none",
    "noone",
    "noreply",
    "notprovided",
    "null",
    "patient",
    "refused",
    "test",
    "unknown",
    "xxx",
];

/// Domains that say the same. Sorted.
const PLACEHOLDER_DOMAINS: &[&str] = &[
    "invalid.com",
    "noemail.com",
    "nomail.com",
    "none.com",
    "noreply.com",
    "unknown.com",
];

/// One spelling of a mailbox.
///
/// - Shape: lower case; `mailto:` and blanks dropped; for Gmail, dots and `+tag` in the local part too (they reach the same box).
/// - Nulls: `None` where it is no address (RFC 5322 3.4.1, the plain form only) or a placeholder.
pub fn standardize(text: &str) -> Option<Text> {
    let text = text.trim();
    let text = text
        .get(..7)
        .filter(|p| p.eq_ignore_ascii_case("mailto:"))
        .map_or(text, |_| text.get(7..).unwrap_or(text))
        .trim();
    if text.len() > 254
        || text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'))
    {
        return None;
    }
    let lower = text.to_lowercase();
    let (local, domain) = lower.split_once('@')?;
    let labels_are_fine =
        domain.contains('.') && domain.split('.').all(|label| !label.is_empty()) && !domain.contains('@');
    if local.is_empty() || !labels_are_fine {
        return None;
    }
    let local = if matches!(domain, "gmail.com" | "googlemail.com") {
        local.split('+').next().unwrap_or(local).replace('.', "")
    } else {
        local.to_owned()
    };
    let domain = if domain == "googlemail.com" {
        "gmail.com"
    } else {
        domain
    };
    if local.is_empty() || is_in(PLACEHOLDER_LOCALS, &local) || is_in(PLACEHOLDER_DOMAINS, domain) {
        return None;
    }
    Some(Text::from(format!("{local}@{domain}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(standardize(text).as_deref(), expected, "{text}");
        };
        check(" Ana.Ruiz@Example.ORG ", Some("ana.ruiz@example.org"));
        check("mailto:b@c.de", Some("b@c.de"));
        check("a.b+lists@gmail.com", Some("ab@gmail.com"));
        check("a.b+lists@example.org", Some("a.b+lists@example.org"));
        check("noemail@clinic.org", None);
        check("x@none.com", None);
        check("no at sign", None);
        check("a@b", None);
        check("a@b..c", None);
        check("@b.c", None);
    }

    #[test]
    fn lists_are_sorted() {
        assert!(PLACEHOLDER_LOCALS.is_sorted() && PLACEHOLDER_DOMAINS.is_sorted());
    }
}
