//! The order that segments are read under: ORC, and the panel of OBR.

use crate::datatype::{Coded, Provider};
use panorama_model::{Text, Timestamp};

/// The order that results, drugs and vaccines are read under: ORC and OBR.
#[derive(Default)]
pub(crate) struct Order {
    /// ORC-1.
    pub(crate) control: Text,
    /// ORC-5.
    pub(crate) status: Text,
    /// ORC-2.
    pub(crate) placer: Option<Text>,
    /// ORC-3.
    pub(crate) filler: Option<Text>,
    /// ORC-9.
    pub(crate) ordered_at: Option<Timestamp>,
    /// ORC-12.
    pub(crate) orderer: Provider,
    /// The last OBR's.
    pub(crate) panel: Panel,
}

/// What OBR says of the observations under it.
#[derive(Default)]
pub(crate) struct Panel {
    /// OBR-3, else OBR-2.
    pub(crate) number: Option<Text>,
    /// OBR-4.
    pub(crate) code: Coded,
    /// OBR-7 as sent: tells panels apart where there is no number.
    pub(crate) observed: Text,
    /// OBR-7.
    pub(crate) observed_at: Option<Timestamp>,
    /// OBR-22.
    pub(crate) issued_at: Option<Timestamp>,
    /// OBR-25.
    pub(crate) status: Text,
    /// Of OBR-24.
    pub(crate) category: Option<&'static str>,
    /// An OBR was read.
    pub(crate) present: bool,
}
