//! MRG: the identifiers before a merge, a move or a change (HL7 v2.5 3.4.9).

use crate::datatype::{Cx, cx};
use crate::patient::Prior;
use crate::reader::{Reader, names};
use crate::syntax::Segment;
use panorama_model::{Issue, SourceRecordKey};
use smallvec::SmallVec;

pub(super) fn read<'m>(reader: &mut Reader<'m>, mrg: Segment<'m>) {
    let authority = reader.patient().record.key.authority.clone();
    let mut assumed = false;
    let mut list: SmallVec<[_; 1]> = reader.limited(mrg, 1).filter_map(cx).collect();
    if list.iter().any(Cx::is_medical_record) {
        list.retain(|identifier| identifier.is_medical_record());
    } else {
        list.truncate(1);
    }
    let own = reader
        .patient()
        .record
        .person
        .as_ref()
        .map(|p| p.identifiers.list())
        .unwrap_or_default();
    let is_own = |cx: &Cx<'_>| {
        own.iter()
            .any(|i| i.value == cx.value && i.authority == cx.authority)
    };
    if !list.iter().all(is_own) {
        // What both lists name is the survivor's own.
        list.retain(|identifier| !is_own(identifier));
    }
    let mut key = |mut identifier: Cx<'_>| {
        if identifier.authority.is_empty() && !authority.is_empty() {
            // One authority for both, where only the survivor's is said.
            identifier.authority = authority.clone();
            assumed = true;
        }
        reader.key(&identifier)
    };
    let keys: SmallVec<[SourceRecordKey; 1]> = list.into_iter().map(&mut key).collect();
    let external = cx(mrg.field(4).first()).map(|id| reader.key(&id));
    let prior = Prior {
        keys,
        external,
        visit: mrg.first(5).text(),
        names: names(mrg.field(7)).collect(),
    };
    if assumed {
        reader
            .issues
            .push(Issue::information("authority_assumed", "MRG-1"));
    }
    reader.patient().priors.push(prior);
}
