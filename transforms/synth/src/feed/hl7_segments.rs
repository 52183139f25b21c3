//! The segments of the hospital's messages (HL7 v2.5.1 chapters 2, 3, 6, 7, 10).

use super::Scene;
use crate::calendar::DAY;
use crate::catalog::{ALLERGENS, PAYERS, Panel};
use crate::random::Random;
use crate::recorded::Recorded;
use crate::story::Stay;
use crate::text::{Day, Hl7Time, Page, put};
use std::fmt;

/// A floating point number with as many decimals as the laboratory gives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal(pub(crate) f64, pub(crate) usize);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.*}", self.1, self.0)
    }
}

pub(crate) fn msh(out: &mut Page, application: &str, message_type: &str, at: i64, control: u64) {
    put!(
        out,
        "MSH|^~\\&|{application}|HOSP|PANORAMA|HOSP|{}||{message_type}|HOSP{control:010}|P|2.5.1|||AL|NE||UNICODE UTF-8\r",
        Hl7Time(at)
    );
}

pub(crate) fn evn(out: &mut Page, trigger: &str, at: i64) {
    put!(
        out,
        "EVN|{trigger}|{}|||SYNTH^Registration^Desk|{}\r",
        Hl7Time(at + 4),
        Hl7Time(at)
    );
}

pub(crate) fn pid(out: &mut Page, mrn: u64, recorded: &Recorded, account: u32) {
    put!(out, "PID|1||{mrn}^^^HOSP^MR");
    if let Some(ssn) = recorded.ssn {
        put!(out, "~{ssn:09}^^^SSA^SS");
    }
    put!(
        out,
        "||{}^{}^{}^{}^^^L",
        recorded.family,
        recorded.given,
        recorded.middle,
        recorded.suffix
    );
    if !recorded.maiden.is_empty() {
        put!(out, "~{}^{}^^^^^M", recorded.maiden, recorded.given);
    }
    out.text("||");
    if let Some(birth) = recorded.birth {
        put!(out, "{}", Day::Compact(birth));
    }
    out.text(match recorded.male {
        Some(true) => "|M|||",
        Some(false) => "|F|||",
        None => "|U|||",
    });
    if let Some(address) = recorded.address {
        let line = address.line(recorded.short_street);
        put!(
            out,
            "{line}^^{}^{}^{:05}^USA^H",
            address.city(),
            address.state(),
            address.zip()
        );
    }
    out.text("||");
    telecom(out, recorded);
    put!(out, "|||||A{account:09}^^^HOSP^AN\r");
}

fn telecom(out: &mut Page, recorded: &Recorded) {
    let mut between = "";
    for (phone, r#use, equipment) in [(recorded.home, "PRN", "PH"), (recorded.cell, "PRN", "CP")] {
        if let Some(phone) = phone {
            let (area, exchange, line) = (phone.area(), phone.exchange(), phone.line());
            put!(
                out,
                "{between}{phone}^{}^{equipment}^^1^{area}^{exchange:03}{line:04}",
                r#use
            );
            between = "~";
        }
    }
    if !recorded.email.is_empty() {
        put!(out, "{between}^NET^Internet^{}", recorded.email);
    }
}

pub(crate) fn nk1(out: &mut Page, scene: &Scene<'_>) {
    let Some(household) = scene.world.population.household(scene.person) else {
        return;
    };
    let first = household.first;
    let other = if first == scene.index { first + 1 } else { first };
    let Some(relative) = scene
        .world
        .person(other)
        .filter(|p| p.household == scene.person.household)
    else {
        return;
    };
    let relation = if scene.person.adult {
        "SPO^Spouse^HL70063"
    } else {
        "PAR^Parent^HL70063"
    };
    put!(out, "NK1|1|{}^{}|{relation}|", relative.family, relative.given);
    if let Some(phone) = scene.world.population.cell(other, relative) {
        put!(out, "|{phone}");
    }
    out.text("\r");
}

/// The patient's class and location.
pub(crate) fn pv1(out: &mut Page, scene: &Scene<'_>, class: &str, bed: u16, discharged: bool) {
    let story = scene.story;
    let department = story.service.department;
    let room = 100 + (story.number + u32::from(bed) * 37) % 80;
    put!(
        out,
        "PV1|1|{class}|{department}^{room}^{}^HOSP|R||",
        if room.is_multiple_of(2) { "A" } else { "B" }
    );
    if bed > 0 {
        put!(
            out,
            "{department}^{}^A^HOSP",
            100 + (story.number + (u32::from(bed) - 1) * 37) % 80
        );
    }
    out.text("|");
    xcn(out, story.attending);
    out.text("|");
    xcn(out, story.referring);
    put!(out, "||{department}|||||||");
    xcn(out, story.attending);
    // The follow-up is a visit of its own.
    let follow_up = scene.event.detail == 1 && class == "O";
    let visit = story.number * 2 + u32::from(follow_up);
    put!(out, "||V{visit:09}^^^HOSP^VN|||||||||||||||||");
    out.text(if discharged { "01" } else { "" });
    put!(
        out,
        "||||||||{}|",
        Hl7Time(if follow_up { story.follow_up_at } else { story.slot })
    );
    if discharged {
        put!(out, "{}", Hl7Time(scene.event.at));
    }
    out.text("\r");
}

fn xcn(out: &mut Page, provider: Option<&crate::world::Provider>) {
    if let Some(provider) = provider {
        put!(out, "{}", provider.as_xcn());
    }
}

pub(crate) fn dg1(out: &mut Page, scene: &Scene<'_>) {
    let (code, words) = scene.story.diagnosis;
    put!(
        out,
        "DG1|1||{code}^{words}^I10||{}|A\r",
        Hl7Time(scene.story.slot)
    );
}

/// The same allergies in each message of a person.
pub(crate) fn al1(out: &mut Page, scene: &Scene<'_>) {
    let Some((code, words, reaction)) = ALLERGENS.get(scene.index as usize % 23) else {
        return;
    };
    put!(out, "AL1|1|DA|{code}^{words}^L|MO|{reaction}\r");
}

pub(crate) fn in1(out: &mut Page, scene: &Scene<'_>, recorded: &Recorded) {
    let scattered = crate::random::mix(u64::from(scene.person.household));
    let elderly = scene.event.at.div_euclid(DAY) - i64::from(scene.person.birth) > 65 * 365;
    let payers = if elderly {
        PAYERS
    } else {
        PAYERS.split_last().map_or(PAYERS, |(_, others)| others)
    };
    let chosen = if elderly && scattered.is_multiple_of(2) {
        payers.last()
    } else {
        None
    };
    let any = payers.get((scattered >> 8) as usize % payers.len().max(1));
    let Some((plan, plan_name, company, company_name)) = chosen.or(any) else {
        return;
    };
    put!(
        out,
        "IN1|1|{plan}^{plan_name}|{company}|{company_name}||||G{:05}||||||||{}^{}|SEL|",
        scene.person.household % 90_000,
        recorded.family,
        recorded.given
    );
    if let Some(birth) = recorded.birth {
        put!(out, "{}", Day::Compact(birth));
    }
    put!(
        out,
        "||||||||||||||||||{company}{:09}\r",
        u64::from(scene.index) * 7 + 100_000_000
    );
}

pub(crate) fn sch(out: &mut Page, scene: &Scene<'_>, slot: i64, suffix: &str, reason: &str, status: &str) {
    let story = scene.story;
    let (code, words) = story.diagnosis;
    put!(
        out,
        "SCH|A{0:09}{suffix}^HOSP|F{0:09}{suffix}^HOSP||||{reason}|{code}^{words}^I10|ROUTINE^Office visit|30|min|^^30^{1}^{2}|||||",
        story.number,
        Hl7Time(slot),
        Hl7Time(slot + 1_800)
    );
    xcn(out, story.attending);
    out.text("||||");
    xcn(out, story.attending);
    put!(out, "|||||{status}\r");
}

pub(crate) fn resources(out: &mut Page, scene: &Scene<'_>, slot: i64) {
    let (story, start) = (scene.story, Hl7Time(slot));
    let service = story.service;
    put!(
        out,
        "RGS|1|A\rAIS|1|A|{}^{}^L|{start}|||30|min\r",
        service.department,
        service.name
    );
    put!(
        out,
        "AIL|1|A|{}^101^^HOSP|||{start}|||30|min\rAIP|1|A|",
        service.department
    );
    xcn(out, story.attending);
    put!(out, "|ATP^Attending^L||{start}|||30|min\r");
}

/// An order and its results; the corrected set changes its last value.
pub(crate) fn results(out: &mut Page, scene: &Scene<'_>, panel: &Panel, corrected: bool) {
    let (story, at) = (scene.story, scene.event.at);
    let drawn_at = if corrected { at - 22 * 3_600 } else { at - 7_200 };
    let (code, words) = panel.code;
    let status = if corrected { "C" } else { "F" };
    let order = u64::from(story.number) * 8 + u64::from(scene.event.detail);
    put!(
        out,
        "ORC|RE|O{order:010}^HOSP|L{order:010}^LAB\rOBR|1|O{order:010}^HOSP|L{order:010}^LAB|{code}^{words}^LN|||"
    );
    put!(out, "{}|||||||||", Hl7Time(drawn_at));
    xcn(out, story.attending);
    put!(out, "||||||{}|||{status}\r", Hl7Time(at));
    let mut random = scene.random(0x100 + u64::from(scene.event.detail));
    let last = panel.analytes.len();
    for (nth, analyte) in (1..).zip(panel.analytes) {
        let mut value = reading(analyte.low, analyte.high, &mut random);
        let mut line_status = "F";
        if corrected && nth == last {
            value += (analyte.high - analyte.low) / 3.0;
            line_status = "C";
        }
        let value = Decimal(value, analyte.decimals);
        let flag = flag(value.0, analyte.low, analyte.high);
        let (code, words) = analyte.code;
        put!(
            out,
            "OBX|{nth}|NM|{code}^{words}^LN||{value}|{}^{}^UCUM|{}-{}|{flag}|||{line_status}|||{}\r",
            analyte.unit,
            analyte.unit,
            analyte.low,
            analyte.high,
            Hl7Time(drawn_at)
        );
    }
}

/// A laboratory value, inside its range four times in five.
pub(crate) fn reading(low: f64, high: f64, random: &mut Random) -> f64 {
    let width = high - low;
    // The mean of three draws: most values lie in the middle.
    let spread = (random.unit() + random.unit() + random.unit()) / 3.0;
    (low - 0.35 * width + spread * 1.7 * width).max(low * 0.4)
}

/// The abnormal flag of HL7 table 0078.
pub(crate) fn flag(value: f64, low: f64, high: f64) -> &'static str {
    let width = high - low;
    match value {
        v if v < low - 0.25 * width => "LL",
        v if v < low => "L",
        v if v > high + 0.25 * width => "HH",
        v if v > high => "H",
        _ => "N",
    }
}

/// The patient class of a stay.
pub(crate) fn class_of(stay: Stay) -> &'static str {
    match stay {
        Stay::Outpatient | Stay::Converted => "O",
        Stay::Emergency => "E",
        Stay::Inpatient => "I",
    }
}
