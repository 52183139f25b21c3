//! ORC: the order that follows (HL7 v2.5 4.5.1).

use crate::datatype::provider;
use crate::order::Order;
use crate::reader::Reader;
use crate::syntax::{Component, Segment};

pub(super) fn read<'m>(reader: &mut Reader<'m>, orc: Segment<'m>) {
    let ordered_at = reader.time(orc, 9);
    reader.order = Order {
        control: orc.first(1),
        status: orc.first(5),
        placer: orc.first(2),
        filler: orc.first(3),
        ordered_at,
        orderer: provider(orc.field(12)),
        ..Order::default()
    };
    reader.end_note();
    reader.detailed = None;
}

impl<'m> Order<'m> {
    /// The order's own number: the filler's, else the placer's. `9999` stands for "no order" in vaccination reports.
    pub(super) fn number(&self) -> Component<'m> {
        let named = |number: &Component<'m>| number.content() != "9999";
        let filler = Some(self.filler).filter(named).unwrap_or_default();
        Some(filler.or(self.placer)).filter(named).unwrap_or_default()
    }

    /// The status of a FHIR R4 request, from ORC-5 (HL7 table 0038), else ORC-1 (table 0119).
    pub(super) fn request_status(&self) -> Option<&'static str> {
        let of_status = match &*self.status.content() {
            "CM" => Some("completed"),
            "CA" | "RP" => Some("cancelled"),
            "DC" => Some("stopped"),
            "HD" => Some("on-hold"),
            "A" | "IP" | "SC" => Some("active"),
            "ER" => Some("unknown"),
            _ => None,
        };
        of_status.or(match &*self.control.content() {
            "NW" | "RL" | "OE" | "OK" | "XO" | "XR" | "RO" | "RU" | "RF" | "SC" | "SN" | "PA" | "CH" => {
                Some("active")
            }
            "CA" | "OC" | "CR" | "UA" => Some("cancelled"),
            "DC" | "OD" | "DR" => Some("stopped"),
            "HD" | "OH" | "HR" => Some("on-hold"),
            _ => None,
        })
    }
}
