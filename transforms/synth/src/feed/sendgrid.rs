//! The e-mail service: posts of the SendGrid event webhook, one JSON array a line.

use super::{Scene, sent};
use crate::files::{FeedSink, Rolling};
use crate::people::known;
use crate::plan::{Kind, Mail};
use crate::random::{Purpose, Random};
use crate::text::Page;

/// Events per post, on average, that [`Posts`] makes: what a planner needs to count posts.
pub(crate) const EVENTS_PER_POST: f64 = 3.6;

/// Events waiting for their post.
#[derive(Debug)]
pub(crate) struct Posts {
    random: Random,
    /// Events in the open post.
    held: u64,
    /// Events the open post will have.
    wanted: u64,
    /// An event to be sent a second time in the next post.
    again: Option<String>,
    /// Events so far, second copies included.
    pub(crate) events: u64,
    /// Second copies so far.
    pub(crate) repeated: u64,
}

impl Posts {
    pub(crate) fn new(seed: u64) -> Self {
        let random = Random::new(seed, Purpose::Batches, 0);
        Self {
            random,
            held: 0,
            wanted: 1,
            again: None,
            events: 0,
            repeated: 0,
        }
    }

    /// Adds one event; returns the mark of its address.
    pub(crate) fn add<S: FeedSink + ?Sized>(
        &mut self,
        file: &mut Rolling,
        scene: &Scene<'_>,
        sink: &mut S,
    ) -> Result<u8, S::Error> {
        if self.held == 0 {
            file.page.text("[");
            self.wanted = match self.random.below(100) {
                0..60 => 1,
                60..80 => self.random.below(2) + 2,
                80..95 => self.random.below(5) + 4,
                _ => self.random.below(41) + 10,
            };
            if let Some(again) = self.again.take() {
                file.page.text(&again);
                self.events += 1;
                self.repeated += 1;
            }
        }
        if file.page.0.ends_with('}') {
            file.page.text(",");
        }
        let begins = file.page.0.len();
        event(&mut file.page, scene);
        if self.random.chance(0.03) {
            self.again = file.page.0.get(begins..).map(str::to_owned);
        }
        self.events += 1;
        self.held += 1;
        if self.held >= self.wanted {
            self.end(file, sink)?;
        }
        Ok(sent::EMAIL)
    }

    /// Ends the open post, if there is one.
    pub(crate) fn end<S: FeedSink + ?Sized>(
        &mut self,
        file: &mut Rolling,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if self.held == 0 {
            return Ok(());
        }
        self.held = 0;
        file.page.text("]\n");
        file.end_message(sink)
    }
}

fn event(out: &mut Page, scene: &Scene<'_>) {
    let Kind::Mail(mail) = scene.event.kind else {
        return;
    };
    let (message, story) = (u64::from(scene.event.detail), scene.story);
    let own = scene.uuid(0x8_0000 + u64::from(scene.event.ordinal));
    let email = scene.world.population.email(scene.person);
    let message_id = scene.uuid(0x9_0000 + message);
    out.text("{");
    out.string("email", email);
    out.plain("timestamp", scene.event.at);
    out.string("event", name(mail));
    out.formatted("sg_event_id", format_args!("{own}"));
    out.formatted("sg_message_id", format_args!("{message_id}.recvd-5d8f-1-0.0"));
    out.formatted("smtp-id", format_args!("<{message_id}@geopod-ismtpd-1>"));
    let follow_up = message == 1;
    out.key_array("category");
    out.quoted(if follow_up { "post-visit" } else { "marketing" });
    out.text(",");
    out.quoted(story.service.name);
    out.close_array();
    if follow_up {
        out.string("marketing_campaign_id", "cmp-900");
        out.string("marketing_campaign_name", "After Your Visit");
    } else {
        out.formatted(
            "marketing_campaign_id",
            format_args!("cmp-{}", 100 + story.service_index),
        );
        out.string("marketing_campaign_name", story.service.campaign);
    }
    // One sender in two passes the contact's number along.
    if scene.person.known & known::CRM != 0 && scene.index.is_multiple_of(2) {
        out.formatted(
            "contact_id",
            format_args!("{}", scene.world.contact_id(scene.index, false)),
        );
    }
    details(out, scene, mail);
    out.close();
}

fn details(out: &mut Page, scene: &Scene<'_>, mail: Mail) {
    let host = scene.index % 250 + 1;
    match mail {
        Mail::Processed => {}
        Mail::Delivered => {
            out.string("response", "250 2.0.0 OK");
            out.plain("tls", 1);
        }
        Mail::Bounce => {
            out.string("type", "bounce");
            out.string("status", "5.1.1");
            out.string("reason", "550 5.1.1 No such mailbox");
        }
        Mail::Open | Mail::MachineOpen => {
            out.formatted("ip", format_args!("198.51.100.{host}"));
            out.string(
                "useragent",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)",
            );
            out.plain("sg_machine_open", mail == Mail::MachineOpen);
        }
        Mail::Click => {
            out.formatted("ip", format_args!("198.51.100.{host}"));
            out.string(
                "useragent",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)",
            );
            out.formatted(
                "url",
                format_args!(
                    "https://www.panorama-health.example{}?utm_source=newsletter&utm_medium=email&utm_campaign=cmp-{}",
                    scene.story.service.landing,
                    100 + scene.story.service_index
                ),
            );
            out.key_object("url_offset");
            out.plain("index", 0);
            out.string("type", "html");
            out.close();
        }
        Mail::Unsubscribe => out.plain("asm_group_id", 14),
    }
}

const fn name(mail: Mail) -> &'static str {
    match mail {
        Mail::Processed => "processed",
        Mail::Delivered => "delivered",
        Mail::Bounce => "bounce",
        Mail::Open | Mail::MachineOpen => "open",
        Mail::Click => "click",
        Mail::Unsubscribe => "unsubscribe",
    }
}
