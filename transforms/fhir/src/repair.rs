//! Mends the one thing that makes real senders' JSON unreadable: text cut in the middle of a surrogate pair.

/// The same JSON with each lone surrogate escape (`\ud83d` without its other half) made U+FFFD; `None` where there is
/// none.
///
/// - Spec: RFC 8259 8.2: such text is allowed by the grammar, and its meaning is left open.
pub(crate) fn without_lone_surrogates(json: &str) -> Option<String> {
    let mut mended = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at + found;
        let unit = code_unit(json, escape);
        at = escape + if unit.is_some() { 6 } else { 2 };
        match unit {
            Some(0xd800..=0xdbff) if matches!(code_unit(json, at), Some(0xdc00..=0xdfff)) => at += 6,
            Some(0xd800..=0xdfff) => {
                mended.push_str(json.get(copied..escape)?);
                mended.push_str("\\ufffd");
                copied = at;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return None;
    }
    mended.push_str(json.get(copied..)?);
    Some(mended)
}

/// The UTF-16 code unit of a `\uXXXX` escape at this place.
fn code_unit(json: &str, at: usize) -> Option<u16> {
    let digits = json.get(at..at.checked_add(6)?)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::without_lone_surrogates;

    #[test]
    fn lone_surrogates_are_mended_and_nothing_else() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(without_lone_surrogates(json).as_deref(), expected, "{json}");
        };
        check(r#""Jo""#, None);
        check(r#""\ud83d\ude00 \u00e9 \n""#, None);
        check(r#""a\ud83d""#, Some(r#""a\ufffd""#));
        check(r#""\ude00b""#, Some(r#""\ufffdb""#));
        check(r#""\ud83d\ud83d\ude00""#, Some(r#""\ufffd\ud83d\ude00""#));
        check(r#""\\ud83d""#, None);
        check(r#""\u12é""#, None);
        check("\\", None);
    }
}
