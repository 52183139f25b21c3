//! Consent: a permission or refusal.

use super::{Reader, Resource};
use crate::datatype::{concept, period};
use crate::node::Node;
use crate::output::Output;
use panorama_model::FactTable;
use panorama_model::fact::consent as column;

pub(super) const READER: Reader = Reader {
    name: "Consent",
    said_at: &["dateTime", "provision.period.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("patient") else { return };
    let root = resource.root;
    let provision = root.get("provision");
    let mut fact = resource.fact(FactTable::Consent, resource.id.as_ref());
    let row = &mut fact.row;
    // FHIR's consent knows no channel: it holds on each.
    row.set(column::CHANNEL, "any");
    row.set_some(column::PURPOSE, purpose(root, provision));
    let status = status(root.get("status").str(), provision.get("type").str());
    row.set(column::STATUS, status);
    let basis = concept(root.get("policyRule"), &[]).code_or_words();
    row.set_some(column::BASIS, basis.or_else(|| root.first("policy").get("uri").text()));
    row.set_some(column::SCOPE, concept(root.get("scope"), &[]).code_or_words());
    let (start, end) = period(provision.get("period"));
    row.set_some(column::EFFECTIVE_AT, start.or_else(|| resource.time(&["dateTime"])));
    row.set_some(column::EXPIRES_AT, end);
    output.fact(owner, fact);
}

/// - Spec: FHIR R4 Consent.status, Consent.provision.type; an active consent without provision type permits.
fn status(status: Option<&str>, provision: Option<&str>) -> &'static str {
    match (status, provision) {
        (Some("active"), Some("deny")) | (Some("rejected"), _) => "denied",
        (Some("active"), _) => "granted",
        (Some("inactive"), _) => "revoked",
        _ => "unknown",
    }
}

/// The purpose of use (HL7 v3 PurposeOfUse), else what the scope stands for.
fn purpose(root: Node<'_>, provision: Node<'_>) -> Option<&'static str> {
    let stated = provision.list("purpose").find_map(|coding| {
        Some(match concept(coding, &[]).code.as_deref()? {
            "HMARKT" => "marketing",
            "TREAT" | "ETREAT" | "CAREMGT" | "CLINTRCH" | "COC" => "treatment",
            "HRESCH" | "BIORCH" | "CLINTRL" => "research",
            "FUNDRAISE" | "DONAT" => "fundraising",
            _ => return None,
        })
    });
    let by_scope = || match concept(root.get("scope"), &[]).code.as_deref() {
        Some("research") => Some("research"),
        Some("treatment" | "adr") => Some("treatment"),
        _ => None,
    };
    stated.or_else(by_scope)
}
