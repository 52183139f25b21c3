//! What a call means: its event type, and what the spec's e-mail, ad and lead events say of channel and permission.

use panorama_model::Text;
use panorama_model::json::{self, Node};

/// The meaning of one call.
pub(super) struct Event {
    pub(super) event_type: &'static str,
    pub(super) direction: &'static str,
    /// The channel, where the event itself tells it.
    pub(super) channel: Option<&'static str>,
    /// The event gives or takes permission for e-mail marketing.
    pub(super) permission: Option<bool>,
    /// The name of the event, page or screen.
    pub(super) name: Option<Text>,
}

struct Named {
    /// As in [`json::squeeze`].
    name: &'static str,
    event_type: &'static str,
    direction: &'static str,
    channel: Option<&'static str>,
    permission: Option<bool>,
}

const fn email(
    name: &'static str,
    event_type: &'static str,
    direction: &'static str,
    permission: Option<bool>,
) -> Named {
    Named {
        name,
        event_type,
        direction,
        channel: Some("email"),
        permission,
    }
}

const fn web(name: &'static str, event_type: &'static str, channel: Option<&'static str>) -> Named {
    Named {
        name,
        event_type,
        direction: "in",
        channel,
        permission: None,
    }
}

/// Events the semantic spec names, and the forms and leads health sites track.
const NAMED: &[Named] = &[
    email("emailsent", "sent", "out", None),
    email("emaildelivered", "delivered", "out", None),
    email("emailbounced", "bounced", "out", None),
    email("emailopened", "opened", "in", None),
    email("emaillinkclicked", "clicked", "in", None),
    email("emailmarkedasspam", "complained", "in", Some(false)),
    email("unsubscribed", "unsubscribed", "in", Some(false)),
    email("resubscribed", "resubscribed", "in", Some(true)),
    web("adclicked", "clicked", Some("ad")),
    web("adviewed", "ad_viewed", Some("ad")),
    web("formsubmitted", "form_submitted", None),
    web("formsubmit", "form_submitted", None),
    web("formcompleted", "form_submitted", None),
    web("lead", "lead", None),
    web("leadcaptured", "lead", None),
    web("leadcreated", "lead", None),
    web("leadgenerated", "lead", None),
    web("generatelead", "lead", None),
    web("signedup", "lead", None),
];

impl Event {
    /// The meaning of a call of this kind.
    pub(super) fn of(kind: &str, call: Node<'_>) -> Self {
        let name = match kind {
            "track" => call.get("event").text(),
            "page" | "screen" => call.get("name").text().or_else(|| call.get("category").text()),
            _ => None,
        };
        let named = name.as_deref().filter(|_| kind == "track").and_then(named);
        if let Some(named) = named {
            return Self {
                event_type: named.event_type,
                direction: named.direction,
                channel: named.channel,
                permission: named.permission,
                name,
            };
        }
        let event_type = match kind {
            "identify" => "identified",
            "page" => "page_view",
            "screen" => "screen_view",
            "group" => "grouped",
            _ => name.as_deref().map_or("track", by_words),
        };
        Self {
            event_type,
            direction: "in",
            channel: None,
            permission: None,
            name,
        }
    }
}

fn named(name: &str) -> Option<&'static Named> {
    NAMED
        .iter()
        .find(|named| json::squeeze(name).eq(named.name.bytes()))
}

/// Sites name their own forms: `Contact Form Submitted`, `lead_form_submit`, `Qualified Lead`.
fn by_words(name: &str) -> &'static str {
    let has = |wanted: &[&str]| {
        name.split(|c: char| !c.is_alphanumeric())
            .any(|word| wanted.iter().any(|w| word.eq_ignore_ascii_case(w)))
    };
    if has(&["form"]) && has(&["submitted", "submit", "completed", "sent"]) {
        "form_submitted"
    } else if has(&["lead"]) {
        "lead"
    } else {
        "track"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_have_their_types() {
        let check =
            |kind: &str, name: &str, event_type: &str, channel: Option<&str>, permission: Option<bool>| {
                let text = json!({"event": name}).to_string();
                let call = json::parse(text.as_bytes()).unwrap();
                let event = Event::of(kind, Node::from(&call));
                assert_eq!(
                    (event.event_type, event.channel, event.permission),
                    (event_type, channel, permission),
                    "{name}"
                );
            };
        check("track", "Email Delivered", "delivered", Some("email"), None);
        check("track", "email_link_clicked", "clicked", Some("email"), None);
        check(
            "track",
            "Unsubscribed",
            "unsubscribed",
            Some("email"),
            Some(false),
        );
        check("track", "Ad Clicked", "clicked", Some("ad"), None);
        check("track", "Contact Form Submitted", "form_submitted", None, None);
        check("track", "lead_form_submit", "form_submitted", None, None);
        check("track", "Qualified Lead", "lead", None, None);
        check("track", "Report Submitted", "track", None, None);
        check("track", "Leadership Viewed", "track", None, None);
        check("track", "", "track", None, None);
        check("page", "Lead", "page_view", None, None);
        check("screen", "", "screen_view", None, None);
        check("identify", "", "identified", None, None);
        check("group", "", "grouped", None, None);
    }
}
