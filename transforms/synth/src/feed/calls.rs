//! The contact center: Amazon Connect contact records, one a line.

use super::{Scene, sent};
use crate::calendar::HOUR;
use crate::catalog::CALL_REASONS;
use crate::people::known;
use crate::places::PhoneNumber;
use crate::plan::Kind;
use crate::random::Random;
use crate::recorded::{Recorded, Recorder};
use crate::text::{Day, Page};
use std::fmt;

const ACCOUNT: &str = "000000000360";
const INSTANCE: &str = "arn:aws:connect:us-east-2:000000000360:instance/5e4a11c0-0000-4000-8000-000000000360";
const MAIN_LINE: &str = "+18885550136";

/// The clock of one call, in seconds since the epoch.
struct Clock {
    started: i64,
    queued: i64,
    /// None: given up in the queue.
    answered: Option<i64>,
    ended: i64,
    after_work: i64,
    hold: i64,
}

/// Writes one contact record; returns the mark of the telephone number it names.
pub(crate) fn write(out: &mut Page, scene: &Scene<'_>) -> u8 {
    let mut random = scene.random(0x400 + u64::from(scene.event.detail));
    let random = &mut random;
    let (mark, number) = number(scene, random);
    let update = scene.event.kind == Kind::CallUpdate;
    let outbound = scene.event.kind == Kind::CallOut;
    let started = if update {
        scene.event.at - 5 * HOUR
    } else {
        scene.event.at
    };
    let clock = clock(started, scene.event.kind == Kind::CallAbandoned, outbound, random);
    let (reason, queue) = random
        .pick(CALL_REASONS)
        .copied()
        .unwrap_or(("other", "Scheduling"));
    let agent = random.below(40);
    out.object();
    out.string("AWSAccountId", ACCOUNT);
    out.string("AWSContactTraceRecordFormatVersion", "2017-03-10");
    match clock.answered {
        Some(answered) => agent_part(out, &clock, answered, agent),
        None => out.plain("Agent", "null"),
    }
    out.plain("AgentConnectionAttempts", u8::from(clock.answered.is_some()));
    attributes(out, scene, reason, update, random);
    out.string("Channel", "VOICE");
    out.instant("ConnectedToSystemTimestamp", clock.started + 1);
    out.formatted(
        "ContactId",
        format_args!("{}", scene.uuid(0x400 + u64::from(scene.event.detail))),
    );
    endpoint(out, "CustomerEndpoint", format_args!("{number:#}"));
    out.string(
        "DisconnectReason",
        if outbound {
            "AGENT_DISCONNECT"
        } else {
            "CUSTOMER_DISCONNECT"
        },
    );
    out.instant("DisconnectTimestamp", clock.ended);
    out.plain("InitialContactId", "null");
    out.string("InitiationMethod", if outbound { "OUTBOUND" } else { "INBOUND" });
    out.instant("InitiationTimestamp", clock.started);
    out.string("InstanceARN", INSTANCE);
    out.instant(
        "LastUpdateTimestamp",
        if update {
            scene.event.at
        } else {
            clock.after_work + 60
        },
    );
    out.text(",\"MediaStreams\":[{\"Type\":\"AUDIO\"}]");
    out.plain("NextContactId", "null");
    out.plain("PreviousContactId", "null");
    if outbound {
        out.plain("Queue", "null");
    } else {
        queue_part(out, &clock, queue);
    }
    out.plain("Recording", "null");
    endpoint(out, "SystemEndpoint", format_args!("{MAIN_LINE}"));
    out.plain("TransferCompletedTimestamp", "null");
    out.plain("TransferredToEndpoint", "null");
    out.close();
    out.text("\n");
    mark
}

fn endpoint(out: &mut Page, key: &str, number: fmt::Arguments<'_>) {
    out.key_object(key);
    out.formatted("Address", number);
    out.string("Type", "TELEPHONE_NUMBER");
    out.close();
}

/// Most call from their own telephone, some from the one at home.
fn number(scene: &Scene<'_>, random: &mut Random) -> (u8, PhoneNumber) {
    let population = &scene.world.population;
    let at_home = random.chance(0.15);
    match (
        population.landline(scene.person),
        population.cell(scene.index, scene.person),
    ) {
        (Some(landline), _) if at_home => (sent::LANDLINE, landline),
        (_, Some(cell)) => (sent::CELL, cell),
        (Some(landline), None) => (sent::LANDLINE, landline),
        // Only adults are in this feed, and every adult has a cell phone.
        (None, None) => (0, PhoneNumber(0)),
    }
}

fn clock(started: i64, abandoned: bool, outbound: bool, random: &mut Random) -> Clock {
    let queued = started + random.between(15, 70);
    let waited = random.between(4, 240);
    let talked = random.between(45, 780);
    let hold = if random.chance(0.3) {
        random.between(10, 150)
    } else {
        0
    };
    let after = random.between(5, 120);
    if abandoned {
        let ended = queued + waited;
        return Clock {
            started,
            queued,
            answered: None,
            ended,
            after_work: ended,
            hold: 0,
        };
    }
    let answered = if outbound { started + 12 } else { queued + waited };
    let ended = answered + talked + hold;
    Clock {
        started,
        queued,
        answered: Some(answered),
        ended,
        after_work: ended + after,
        hold,
    }
}

fn agent_part(out: &mut Page, clock: &Clock, answered: i64, agent: u64) {
    out.key_object("Agent");
    out.formatted(
        "ARN",
        format_args!("{INSTANCE}/agent/00000000-0000-4000-8000-{agent:012}"),
    );
    out.plain("AfterContactWorkDuration", clock.after_work - clock.ended);
    out.instant("AfterContactWorkEndTimestamp", clock.after_work);
    out.instant("AfterContactWorkStartTimestamp", clock.ended);
    out.plain("AgentInteractionDuration", clock.ended - answered - clock.hold);
    out.instant("ConnectedToAgentTimestamp", answered);
    out.plain("CustomerHoldDuration", clock.hold);
    out.plain("HierarchyGroups", "null");
    out.plain("LongestHoldDuration", clock.hold);
    out.plain("NumberOfHolds", u8::from(clock.hold > 0));
    out.key_object("RoutingProfile");
    out.formatted(
        "ARN",
        format_args!("{INSTANCE}/routing-profile/00000000-0000-4000-8000-000000000001"),
    );
    out.string("Name", "Patient Access");
    out.close();
    out.formatted("Username", format_args!("agent{agent:02}"));
    out.close();
}

fn queue_part(out: &mut Page, clock: &Clock, name: &str) {
    let dequeued = clock.answered.unwrap_or(clock.ended);
    out.key_object("Queue");
    out.formatted(
        "ARN",
        format_args!("{INSTANCE}/queue/00000000-0000-4000-8000-{:012}", name.len()),
    );
    out.instant("DequeueTimestamp", dequeued);
    out.plain("Duration", dequeued - clock.queued);
    out.instant("EnqueueTimestamp", clock.queued);
    out.string("Name", name);
    out.close();
}

/// What the flow and the agent's screen left behind. An MRN only where the caller already has one.
fn attributes(out: &mut Page, scene: &Scene<'_>, reason: &str, update: bool, random: &mut Random) {
    let (popped, verified) = (random.chance(0.3), random.chance(0.35));
    let has_mrn = scene.person.known & known::HOSPITAL != 0
        && scene.event.at > scene.world.registered_at(scene.index)
        && scene
            .world
            .second_registration(scene.index, scene.person)
            .is_none();
    out.key_object("Attributes");
    out.string("reason", reason);
    out.string("serviceLine", scene.story.service.name);
    if popped && has_mrn {
        out.formatted("mrn", format_args!("{}", scene.world.mrn(scene.index, false)));
    }
    if verified {
        let recorded = Recorded::new(
            scene.world,
            scene.index,
            scene.person,
            Recorder::Hospital,
            scene.event.at,
        );
        out.string("firstName", &recorded.given);
        out.string("lastName", &recorded.family);
        if let Some(birth) = recorded.birth {
            out.formatted("dateOfBirth", format_args!("{}", Day::Iso(birth)));
        }
    }
    if update {
        out.string("disposition", "resolved");
    }
    out.close();
}
