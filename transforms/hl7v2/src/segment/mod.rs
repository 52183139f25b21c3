//! What each segment says: one file per segment, one line in the list. Segments not listed are kept, and say nothing here.

use crate::reader::Reader;
use crate::syntax::{Segment, code_of};

/// Reads one segment into the message's state.
type Read = for<'m> fn(&mut Reader<'m>, Segment<'m>);

macro_rules! segments {
    ($($name:literal $module:ident :: $read:ident,)*) => {
        /// Every segment that says something, by its name.
        const ALL: &[(u32, Read)] = &[$((code_of($name), $module::$read)),*];
    };
}

mod al1;
pub(crate) mod appointment;
mod dg1;
mod iam;
mod in1;
mod mrg;
mod nte;
mod obr;
mod obx;
mod orc;
mod pd1;
mod pid;
mod pr1;
mod prb;
mod prd;
mod pv1;
mod pv2;
mod rf1;
mod rxa;
mod rxd;
mod rxe;
mod rxo;
mod rxr;
mod txa;

segments! {
    "OBX" obx::read,
    "NTE" nte::read,
    "OBR" obr::read,
    "ORC" orc::read,
    "PID" pid::read,
    "PD1" pd1::read,
    "PV1" pv1::read,
    "PV2" pv2::read,
    "MRG" mrg::read,
    "DG1" dg1::read,
    "PRB" prb::read,
    "PR1" pr1::read,
    "AL1" al1::read,
    "IAM" iam::read,
    "IN1" in1::read,
    "RXO" rxo::read,
    "RXE" rxe::read,
    "RXD" rxd::read,
    "RXA" rxa::read,
    "RXR" rxr::read,
    "RF1" rf1::read,
    "PRD" prd::read,
    "TXA" txa::read,
    "SCH" appointment::sch,
    "TQ1" appointment::tq1,
    "AIS" appointment::ais,
    "AIG" appointment::aig,
    "AIL" appointment::ail,
    "AIP" appointment::aip,
}

/// Reads a segment, where its name is in the list.
pub(crate) fn read<'m>(reader: &mut Reader<'m>, segment: Segment<'m>) {
    let code = segment.code();
    if let Some((_, read)) = ALL.iter().find(|(listed, _)| *listed == code) {
        read(reader, segment);
    }
}
