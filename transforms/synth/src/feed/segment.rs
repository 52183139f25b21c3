//! The web site: Segment identify, track and page calls, one a line.

use super::{Scene, sent};
use crate::catalog::REFERRERS;
use crate::plan::Kind;
use crate::recorded::{Recorded, Recorder};
use crate::text::{Day, Page, Uuid};

const SITE: &str = "https://www.panorama-health.example";

/// What visitors do, by the detail of the event.
const ACTS: &[(&str, &str)] = &[
    ("Lead Form Submitted", "appointment-request"),
    ("Physician Search", "find-a-doctor"),
    ("Portal Login", "portal"),
    ("Test Results Viewed", "portal"),
    ("Newsletter Form Viewed", "newsletter"),
];

/// Writes one call; returns the mark of the user id it names, 0 if the visitor is anonymous.
pub(crate) fn write(out: &mut Page, scene: &Scene<'_>) -> u8 {
    let at = scene.event.at;
    let anonymous = scene.event.kind == Kind::WebPage || scene.event.detail == 4;
    out.object();
    out.string(
        "type",
        match scene.event.kind {
            Kind::WebPage => "page",
            Kind::WebIdentify => "identify",
            _ => "track",
        },
    );
    let ordinal = u64::from(scene.event.ordinal);
    out.formatted(
        "messageId",
        format_args!("ajs-{}", scene.uuid(0xA_0000 + ordinal)),
    );
    // A person has up to two devices; each keeps its anonymous id.
    let device = u64::from(scene.event.episode % 2);
    let scattered = crate::random::mix(scene.world.seed ^ (u64::from(scene.index) * 2 + device));
    out.formatted(
        "anonymousId",
        format_args!("{}", Uuid(scattered, crate::random::mix(scattered))),
    );
    if !anonymous {
        out.formatted("userId", format_args!("{}", scene.world.user_id(scene.index)));
    }
    match scene.event.kind {
        Kind::WebPage => page(out, scene),
        Kind::WebIdentify => traits(out, scene),
        _ => act(out, scene),
    }
    context(out, scene);
    out.instant("timestamp", at);
    out.instant("originalTimestamp", at - 1);
    out.instant("sentAt", at);
    out.instant("receivedAt", at + 1);
    out.close();
    out.text("\n");
    if anonymous { 0 } else { sent::USER }
}

fn path<'a>(scene: &Scene<'a>) -> &'a str {
    match scene.event.detail {
        0 => scene.story.service.landing,
        1 => "/find-a-doctor",
        8 => "/appointments/request",
        _ => "/locations",
    }
}

fn page(out: &mut Page, scene: &Scene<'_>) {
    out.string("name", scene.story.service.name);
    out.key_object("properties");
    out.string("path", path(scene));
    out.formatted("url", format_args!("{SITE}{}", path(scene)));
    out.string("title", scene.story.service.campaign);
    out.close();
}

fn traits(out: &mut Page, scene: &Scene<'_>) {
    let recorded = Recorded::new(
        scene.world,
        scene.index,
        scene.person,
        Recorder::Web,
        scene.event.at,
    );
    out.key_object("traits");
    out.string("firstName", &recorded.given);
    out.string("lastName", &recorded.family);
    if !recorded.email.is_empty() {
        out.string("email", &recorded.email);
    }
    if let Some(phone) = recorded.cell {
        out.formatted("phone", format_args!("{phone}"));
    }
    if let Some(birth) = recorded.birth {
        out.formatted("birthday", format_args!("{}", Day::Iso(birth)));
    }
    if let Some(address) = recorded.address {
        out.key_object("address");
        out.formatted("street", format_args!("{}", address.line(true)));
        out.string("city", address.city());
        out.string("state", address.state());
        out.formatted("postalCode", format_args!("{:05}", address.zip()));
        out.close();
    }
    out.close();
}

fn act(out: &mut Page, scene: &Scene<'_>) {
    let (name, form) = ACTS
        .get(usize::from(scene.event.detail))
        .copied()
        .unwrap_or(("Link Clicked", "other"));
    out.string("event", name);
    out.key_object("properties");
    out.string("form_id", form);
    out.string("service_line", scene.story.service.name);
    if scene.event.detail == 0 {
        out.string("request", "appointment");
    }
    out.close();
}

fn context(out: &mut Page, scene: &Scene<'_>) {
    let (referrer, source, medium) = REFERRERS
        .get(scene.story.referrer as usize % REFERRERS.len())
        .copied()
        .unwrap_or_default();
    out.key_object("context");
    if !source.is_empty() {
        out.key_object("campaign");
        out.string("name", scene.story.service.campaign);
        out.string("source", source);
        out.string("medium", medium);
        out.formatted("id", format_args!("cmp-{}", 100 + scene.story.service_index));
        out.close();
    }
    out.formatted(
        "ip",
        format_args!("203.0.113.{}", scene.person.household % 250 + 1),
    );
    out.key_object("library");
    out.string("name", "analytics.js");
    out.string("version", "2.1.0");
    out.close();
    out.string("locale", "en-US");
    out.key_object("page");
    out.string("path", path(scene));
    out.string("referrer", referrer);
    out.formatted("url", format_args!("{SITE}{}", path(scene)));
    out.close();
    out.string("userAgent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36");
    out.close();
}
