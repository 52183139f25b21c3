//! Coverage: insurance of the beneficiary.

use super::{Reader, Resource};
use crate::datatype::{concept, period};
use crate::node::Node;
use crate::output::Output;
use panorama_model::fact::coverage as column;
use panorama_model::{FactTable, Text};

pub(super) const READER: Reader = Reader {
    name: "Coverage",
    said_at: &["period.start"],
    read,
};

fn read(resource: &Resource<'_>, output: &mut Output) {
    let Some(owner) = resource.patient("beneficiary") else { return };
    let root = resource.root;
    let mut fact = resource.fact(FactTable::Coverage, resource.id.as_ref());
    let row = &mut fact.row;
    row.set_some(column::STATUS, resource.text("status"));
    row.set_some(column::RANK, root.get("order").int());
    let payer = resource.bundle.party(root.first("payor"));
    row.set_some(column::PAYER_ID, payer.id);
    row.set_some(column::PAYER, payer.name);
    for class in root.list("class") {
        match concept(class.get("type"), &[]).code.as_deref() {
            Some("plan") => {
                row.set_some(column::PLAN_ID, class.get("value").text());
                row.set_some(column::PLAN, class.get("name").text());
            }
            Some("group") => row.set_some(column::GROUP_NUMBER, class.get("value").text()),
            _ => {}
        }
    }
    row.set_some(column::PLAN_TYPE, concept(root.get("type"), &[]).code_or_words());
    let member = resource.text("subscriberId").or_else(|| member_number(root));
    row.set_some(column::MEMBER_ID, member);
    let relationship = concept(root.get("relationship"), &[]);
    row.set_some(column::RELATIONSHIP, relationship.code_or_words());
    let subscriber = resource.bundle.party(root.get("subscriber").or(root.get("policyHolder")));
    row.set_some(column::SUBSCRIBER_NAME, subscriber.name);
    let (start, end) = period(root.get("period"));
    row.set_some(column::START_AT, start);
    row.set_some(column::END_AT, end);
    output.fact(owner, fact);
}

fn member_number(root: Node<'_>) -> Option<Text> {
    let is_member = |id: &Node<'_>| concept(id.get("type"), &[]).code.as_deref() == Some("MB");
    let typed = root.list("identifier").find(is_member);
    typed.unwrap_or(root.first("identifier")).get("value").text()
}
