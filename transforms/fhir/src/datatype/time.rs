//! FHIR `date`, `dateTime`, `instant`, `Period`.
//!
//! - Units: UTC. A date without time is midnight UTC of its (first) day, in every zone alike.
//! - Spec: FHIR R4 datatypes (date, dateTime, instant).

use crate::node::Node;
use panorama_model::{PartialDate, Severity, TimeError, Timestamp, Zone};

/// Reads every precision of `dateTime`; true where the zone had to be guessed as UTC.
pub(crate) fn instant(text: &str, zone: Option<&Zone>) -> Option<(Timestamp, bool)> {
    let text = text.trim();
    if !text.contains(['T', 't', ' ']) {
        let date = PartialDate::parse(text)?;
        let first = PartialDate {
            month: date.month.max(1),
            day: date.day.max(1),
            ..date
        };
        return Some((first.to_date()?.at_midnight_utc(), false));
    }
    match Timestamp::parse_iso(text, zone) {
        Ok(at) => Some((at, false)),
        Err(TimeError::ZoneMissing) => {
            let at = Timestamp::parse_iso(text, Some(&Zone::utc())).ok()?;
            Some((at, true))
        }
        Err(_) => None,
    }
}

impl Node<'_> {
    /// The instant of a `dateTime` or `instant`.
    pub(crate) fn time(self) -> Option<Timestamp> {
        let text = self.str()?;
        let Some((at, guessed)) = instant(text, self.document().zone) else {
            self.complain("date_invalid", Severity::Error);
            return None;
        };
        if guessed {
            self.complain("zone_missing", Severity::Warning);
        }
        Some(at)
    }

    /// A `date` of any precision.
    pub(crate) fn date(self) -> Option<PartialDate> {
        let text = self.str()?;
        let date = PartialDate::parse(text);
        if date.is_none() {
            self.complain("date_invalid", Severity::Error);
        }
        date
    }
}

/// Start and end of a `Period`.
pub(crate) fn period(node: Node<'_>) -> (Option<Timestamp>, Option<Timestamp>) {
    if !node.exists() {
        return (None, None);
    }
    (node.get("start").time(), node.get("end").time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_reads() {
        let zone = Zone::named("America/Chicago");
        let check = |text: &str, expected: Option<&str>| {
            let at = instant(text, zone.as_ref()).map(|(at, _)| at.to_string());
            assert_eq!(at.as_deref(), expected, "{text}");
        };
        check("2021", Some("2021-01-01T00:00:00.000000Z"));
        check("2021-03", Some("2021-03-01T00:00:00.000000Z"));
        check("2021-03-04", Some("2021-03-04T00:00:00.000000Z"));
        check("2021-03-04T05:06:07Z", Some("2021-03-04T05:06:07.000000Z"));
        check("2021-03-04T05:06Z", Some("2021-03-04T05:06:00.000000Z"));
        check(
            "2021-03-04T05:06:07.1234567-05:00",
            Some("2021-03-04T10:06:07.123456Z"),
        );
        check("2021-07-04T05:06:07", Some("2021-07-04T10:06:07.000000Z"));
        check("2021-13-04T05:06:07Z", None);
        check("yesterday", None);
        check("", None);
        assert_eq!(
            instant("2021-07-04T05:06:07", None).map(|(_, guessed)| guessed),
            Some(true)
        );
    }
}
