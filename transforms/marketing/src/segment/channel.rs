//! Through which channel a visitor came: web, social, or an ad. The rules stand in one table.

use crate::link;
use panorama_model::Text;
use panorama_model::json::Node;

/// The campaign a visitor came by: `context.campaign`, completed from the page's `utm_` parameters.
pub(super) struct Campaign {
    pub(super) id: Option<Text>,
    pub(super) name: Option<Text>,
    pub(super) source: Option<Text>,
    pub(super) medium: Option<Text>,
    pub(super) content: Option<Text>,
}

impl Campaign {
    pub(super) fn of(campaign: Node<'_>, url: Option<&str>) -> Self {
        let said = |name: &str, parameter: &str| {
            campaign
                .get(name)
                .text()
                .or_else(|| link::query_parameter(url?, parameter).map(Text::from))
        };
        Self {
            id: said("id", "utm_id"),
            name: said("name", "utm_campaign"),
            source: said("source", "utm_source"),
            medium: said("medium", "utm_medium"),
            content: said("content", "utm_content"),
        }
    }
}

/// What a rule looks at.
enum Signal {
    /// `utm_medium`, whole.
    Medium(&'static str),
    /// The start of `utm_medium`.
    MediumStart(&'static str),
    /// `utm_source`, whole.
    Source(&'static str),
    /// A parameter that ad networks add to the page's address.
    Parameter(&'static str),
    /// The referring host, or a parent domain of it.
    Referrer(&'static str),
}
use Signal::{Medium, MediumStart, Parameter, Referrer, Source};

/// The first rule that holds decides; none is `web`. What the campaign says of itself comes before what the address
/// shows, and both before the referrer: an ad on a social network is an ad. Facebook adds `fbclid` to unpaid links too,
/// so it is a sign of social, not of an ad.
const RULES: &[(Signal, &str)] = &[
    (Medium("cpc"), "ad"),
    (Medium("ppc"), "ad"),
    (Medium("cpm"), "ad"),
    (Medium("cpv"), "ad"),
    (Medium("ad"), "ad"),
    (Medium("ads"), "ad"),
    (Medium("banner"), "ad"),
    (Medium("display"), "ad"),
    (Medium("retargeting"), "ad"),
    (Medium("affiliate"), "ad"),
    (MediumStart("paid"), "ad"),
    (Parameter("gclid"), "ad"),
    (Parameter("gbraid"), "ad"),
    (Parameter("wbraid"), "ad"),
    (Parameter("msclkid"), "ad"),
    (Medium("sm"), "social"),
    (MediumStart("social"), "social"),
    (Medium("organic_social"), "social"),
    (Medium("organic-social"), "social"),
    (Source("facebook"), "social"),
    (Source("instagram"), "social"),
    (Source("linkedin"), "social"),
    (Source("twitter"), "social"),
    (Source("tiktok"), "social"),
    (Source("youtube"), "social"),
    (Source("nextdoor"), "social"),
    (Parameter("fbclid"), "social"),
    (Referrer("facebook.com"), "social"),
    (Referrer("instagram.com"), "social"),
    (Referrer("linkedin.com"), "social"),
    (Referrer("lnkd.in"), "social"),
    (Referrer("twitter.com"), "social"),
    (Referrer("x.com"), "social"),
    (Referrer("t.co"), "social"),
    (Referrer("tiktok.com"), "social"),
    (Referrer("youtube.com"), "social"),
    (Referrer("reddit.com"), "social"),
    (Referrer("pinterest.com"), "social"),
    (Referrer("nextdoor.com"), "social"),
];

/// The channel by [`RULES`].
pub(super) fn of(campaign: &Campaign, url: Option<&str>, referrer: Option<&str>) -> &'static str {
    let medium = campaign.medium.as_deref().unwrap_or_default();
    let source = campaign.source.as_deref().unwrap_or_default();
    let referrer = referrer.and_then(link::host).unwrap_or_default();
    let holds = |signal: &Signal| match signal {
        Medium(name) => medium.eq_ignore_ascii_case(name),
        MediumStart(start) => medium
            .get(..start.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
        Source(name) => source.eq_ignore_ascii_case(name),
        Parameter(name) => url.is_some_and(|url| link::query_parameter(url, name).is_some()),
        Referrer(domain) => referrer
            .strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.')),
    };
    RULES
        .iter()
        .find(|(signal, _)| holds(signal))
        .map_or("web", |(_, channel)| channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn channels_follow_the_table() {
        let check = |campaign: serde_json::Value, url: &str, referrer: &str, expected: &str| {
            let text = campaign.to_string();
            let campaign = panorama_model::json::parse(text.as_bytes()).unwrap();
            let campaign = Campaign::of(Node::from(&campaign), Some(url));
            assert_eq!(
                of(&campaign, Some(url), Some(referrer)),
                expected,
                "{url} {referrer}"
            );
        };
        let page = "https://example.org/";
        check(json!({}), page, "", "web");
        check(json!({}), page, "https://www.google.com/", "web");
        check(json!({"medium": "CPC", "source": "facebook"}), page, "", "ad");
        check(
            json!({"medium": "paid_social"}),
            page,
            "https://facebook.com/",
            "ad",
        );
        check(json!({"medium": "social"}), page, "", "social");
        check(json!({"medium": "email"}), page, "", "web");
        check(json!({}), "https://example.org/?utm_medium=ppc", "", "ad");
        check(
            json!({}),
            "https://example.org/?gclid=abc",
            "https://facebook.com/",
            "ad",
        );
        check(json!({}), "https://example.org/?fbclid=abc", "", "social");
        check(json!({}), page, "https://l.facebook.com/l.php", "social");
        check(json!({}), page, "https://notfacebook.com/", "web");
        check(json!({}), page, "https://t.co/abc", "social");
        check(json!({}), page, "https://clevert.co/abc", "web");
    }
}
