//! The hospital: ADT, SIU and ORU messages of HL7 v2.5.1.

use super::hl7_segments::{al1, class_of, dg1, evn, in1, msh, nk1, pid, pv1, resources, results, sch};
use super::{Scene, sent};
use crate::catalog::PANELS;
use crate::plan::{Adt, Kind, Siu};
use crate::recorded::{Recorded, Recorder};
use crate::story::Stay;
use crate::text::{Page, put};

/// Writes one message with `control` in its control id and the blank line after it.
///
/// - Shape: segments end in CR; returns the mark of the medical record number it names.
pub(crate) fn write(out: &mut Page, scene: &Scene<'_>, control: u64) -> u8 {
    let (mark, mrn, recorded) = record(scene);
    match scene.event.kind {
        Kind::Adt(adt) => admission(out, scene, adt, mrn, &recorded, control),
        Kind::Siu(siu) => schedule(out, scene, siu, mrn, &recorded, control),
        Kind::Results => observations(out, scene, false, mrn, &recorded, control),
        _ => observations(out, scene, true, mrn, &recorded, control),
    }
    out.text("\r\n");
    mark
}

/// Which of the person's hospital records this message is about. While a person stands there twice, the desk picks
/// either.
fn record(scene: &Scene<'_>) -> (u8, u64, Recorded) {
    let Scene {
        world,
        index,
        person,
        event,
        ..
    } = scene;
    let second = match event.kind {
        Kind::Adt(Adt::A28Again) => true,
        Kind::Adt(Adt::A28 | Adt::A31 | Adt::A40) => false,
        _ => world.second_registration(*index, person).is_some_and(|second| {
            let stands = second.from < event.at && second.merged_at.is_none_or(|at| event.at < at);
            // One record per visit: the episode decides.
            stands && scene.random(1).chance(0.5) && scene.story.start > second.from
        }),
    };
    let recorder = if second {
        Recorder::HospitalAgain
    } else {
        Recorder::Hospital
    };
    let mark = if second { sent::SECOND_MRN } else { sent::FIRST_MRN };
    (
        mark,
        world.mrn(*index, second),
        Recorded::new(world, *index, person, recorder, event.at),
    )
}

fn admission(out: &mut Page, scene: &Scene<'_>, adt: Adt, mrn: u64, recorded: &Recorded, control: u64) {
    let at = scene.event.at;
    let (trigger, message_type) = names(adt);
    msh(out, "ADTSYS", message_type, at, control);
    evn(out, trigger, at);
    pid(out, mrn, recorded, scene.index);
    match adt {
        Adt::A40 => return put!(out, "MRG|{}^^^HOSP^MR\r", scene.world.mrn(scene.index, true)),
        Adt::A28 | Adt::A28Again | Adt::A31 => {
            nk1(out, scene);
            pv1_none(out);
            al1(out, scene);
            return in1(out, scene, recorded);
        }
        _ => {}
    }
    let class = match adt {
        Adt::A01 | Adt::A02 | Adt::A06 | Adt::A11 => "I",
        Adt::A05 => "P",
        Adt::A03 | Adt::A04 if scene.event.detail == 1 => "O",
        Adt::A04 if scene.story.stay != Stay::Emergency => "O",
        Adt::A03 | Adt::A13 | Adt::A08 if scene.story.stay == Stay::Converted => "I",
        _ => class_of(scene.story.stay),
    };
    if matches!(adt, Adt::A01 | Adt::A04 | Adt::A05) {
        nk1(out, scene);
    }
    let bed = if adt == Adt::A02 { scene.event.detail } else { 0 };
    pv1(out, scene, class, bed, adt == Adt::A03);
    if matches!(adt, Adt::A01 | Adt::A04 | Adt::A05 | Adt::A08) {
        al1(out, scene);
    }
    if matches!(adt, Adt::A01 | Adt::A03 | Adt::A04 | Adt::A06 | Adt::A08) {
        dg1(out, scene);
    }
    if matches!(adt, Adt::A01 | Adt::A04 | Adt::A05 | Adt::A08) {
        in1(out, scene, recorded);
    }
}

/// A person message has no visit: class N, not applicable.
fn pv1_none(out: &mut Page) {
    out.text("PV1|1|N\r");
}

const fn names(adt: Adt) -> (&'static str, &'static str) {
    match adt {
        Adt::A01 => ("A01", "ADT^A01^ADT_A01"),
        Adt::A02 => ("A02", "ADT^A02^ADT_A02"),
        Adt::A03 => ("A03", "ADT^A03^ADT_A03"),
        Adt::A04 => ("A04", "ADT^A04^ADT_A01"),
        Adt::A05 => ("A05", "ADT^A05^ADT_A05"),
        Adt::A06 => ("A06", "ADT^A06^ADT_A06"),
        Adt::A08 => ("A08", "ADT^A08^ADT_A01"),
        Adt::A11 => ("A11", "ADT^A11^ADT_A09"),
        Adt::A13 => ("A13", "ADT^A13^ADT_A01"),
        Adt::A28 | Adt::A28Again => ("A28", "ADT^A28^ADT_A05"),
        Adt::A31 => ("A31", "ADT^A31^ADT_A05"),
        Adt::A40 => ("A40", "ADT^A40^ADT_A39"),
    }
}

fn schedule(out: &mut Page, scene: &Scene<'_>, siu: Siu, mrn: u64, recorded: &Recorded, control: u64) {
    let story = scene.story;
    let (message_type, slot, suffix, reason, status) = match siu {
        Siu::S12 => (
            "SIU^S12^SIU_S12",
            story.first_slot,
            "",
            "NEW^New appointment",
            "Booked",
        ),
        Siu::S12FollowUp => (
            "SIU^S12^SIU_S12",
            story.follow_up_at,
            "F",
            "FUP^Follow-up",
            "Booked",
        ),
        Siu::S14 => (
            "SIU^S14^SIU_S12",
            story.slot,
            "",
            "MOV^Patient asked for another time",
            "Booked",
        ),
        Siu::S15 => (
            "SIU^S15^SIU_S12",
            story.slot,
            "",
            "CAN^Patient cancelled",
            "Cancelled",
        ),
        Siu::S26 => (
            "SIU^S26^SIU_S12",
            story.slot,
            "",
            "NOS^Patient did not come",
            "Noshow",
        ),
    };
    msh(out, "SCHEDSYS", message_type, scene.event.at, control);
    sch(out, scene, slot, suffix, reason, status);
    pid(out, mrn, recorded, scene.index);
    pv1(out, scene, "O", 0, false);
    dg1(out, scene);
    resources(out, scene, slot);
}

fn observations(
    out: &mut Page,
    scene: &Scene<'_>,
    corrected: bool,
    mrn: u64,
    recorded: &Recorded,
    control: u64,
) {
    let panels = scene.story.service.panels;
    let nth = usize::from(scene.event.detail) % panels.len().max(1);
    let Some(panel) = panels.get(nth).and_then(|at| PANELS.get(*at)) else {
        return;
    };
    msh(out, "LABSYS", "ORU^R01^ORU_R01", scene.event.at, control);
    pid(out, mrn, recorded, scene.index);
    pv1(out, scene, class_of(scene.story.stay), 0, false);
    results(out, scene, panel, corrected);
}
