//! ORC: the order that follows (HL7 v2.5 4.5.1).

use crate::datatype::provider;
use crate::order::Order;
use crate::reader::Reader;
use crate::syntax::Segment;

pub(super) fn read<'m>(reader: &mut Reader<'m>, orc: Segment<'m>) {
    let ordered_at = reader.time(orc, 9);
    reader.order = Order {
        control: orc.field(1).component(1).text().unwrap_or_default(),
        status: orc.field(5).component(1).text().unwrap_or_default(),
        placer: orc.field(2).component(1).text(),
        filler: orc.field(3).component(1).text(),
        ordered_at,
        orderer: provider(orc.field(12).repetitions()),
        ..Order::default()
    };
    reader.end_note();
    reader.detailed = None;
}

impl Order {
    /// The order's own number: the filler's, else the placer's. `9999` stands for "no order" in vaccination reports.
    pub(super) fn number(&self) -> Option<&str> {
        let filler = self.filler.as_deref().filter(|n| *n != "9999");
        filler.or(self.placer.as_deref()).filter(|n| *n != "9999")
    }

    /// The status of a FHIR R4 request, from ORC-5 (HL7 table 0038), else ORC-1 (table 0119).
    pub(super) fn request_status(&self) -> Option<&'static str> {
        let of_status = match self.status.as_str() {
            "CM" => Some("completed"),
            "CA" | "RP" => Some("cancelled"),
            "DC" => Some("stopped"),
            "HD" => Some("on-hold"),
            "A" | "IP" | "SC" => Some("active"),
            "ER" => Some("unknown"),
            _ => None,
        };
        of_status.or(match self.control.as_str() {
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
