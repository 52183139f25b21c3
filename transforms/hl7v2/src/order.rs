//! The order that segments are read under: ORC, and the panel of OBR.

use crate::datatype::{Coded, Provider};
use crate::syntax::Component;
use panorama_model::Timestamp;

/// The order that results, drugs and vaccines are read under: ORC and OBR.
#[derive(Default)]
pub(crate) struct Order<'m> {
    /// ORC-1.
    pub(crate) control: Component<'m>,
    /// ORC-5.
    pub(crate) status: Component<'m>,
    /// ORC-2.
    pub(crate) placer: Component<'m>,
    /// ORC-3.
    pub(crate) filler: Component<'m>,
    /// ORC-9.
    pub(crate) ordered_at: Option<Timestamp>,
    /// ORC-12.
    pub(crate) orderer: Provider<'m>,
    /// The last OBR's.
    pub(crate) panel: Panel<'m>,
}

/// What OBR says of the observations under it.
#[derive(Default)]
pub(crate) struct Panel<'m> {
    /// OBR-3, else OBR-2.
    pub(crate) number: Component<'m>,
    /// OBR-4.
    pub(crate) code: Coded<'m>,
    /// OBR-7 as sent: tells panels apart where there is no number.
    pub(crate) observed: Component<'m>,
    /// OBR-7.
    pub(crate) observed_at: Option<Timestamp>,
    /// OBR-22.
    pub(crate) issued_at: Option<Timestamp>,
    /// OBR-25.
    pub(crate) status: Component<'m>,
    /// Of OBR-24.
    pub(crate) category: Option<&'static str>,
    /// An OBR was read.
    pub(crate) present: bool,
}
