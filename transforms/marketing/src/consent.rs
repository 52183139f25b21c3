//! Permission that e-mail events give or take: one `consent` fact per statement, never overwritten.

use panorama_model::fact::consent as column;
use panorama_model::{Fact, FactTable, Text, Timestamp, Version};

/// The statement that e-mail marketing is `granted` or `revoked` for an address.
///
/// - Shape: the id is that of the event that said it, so a copy is the same statement.
/// - Spec: CAN-SPAM opt-out (16 CFR 316.5): an unsubscribe or a complaint ends permission at once.
pub(crate) fn email_marketing(
    event_id: &Text,
    version: Version,
    at: Timestamp,
    granted: bool,
    basis: &'static str,
    scope: Option<Text>,
) -> Fact {
    let mut fact = Fact::new(FactTable::Consent, event_id.clone(), version);
    fact.complete = true;
    fact.row.set(column::CHANNEL, "email");
    fact.row.set(column::PURPOSE, "marketing");
    fact.row
        .set(column::STATUS, if granted { "granted" } else { "revoked" });
    fact.row.set(column::BASIS, basis);
    fact.row.set_some(column::SCOPE, scope);
    fact.row.set(column::EFFECTIVE_AT, at);
    fact
}
