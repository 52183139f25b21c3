//! The operator's question by published rules: whom the field combinations of the CMS matching proposal find for a record,
//! or for a person given. No scores; every candidate comes with the audit of why.

use crate::admin::{Admin, AdminError, Answer};
use crate::records::{each_record, read_person};
use crate::spaces;
use panorama_crm::{NdjsonDecoder, PERSON_FIELDS};
use panorama_identity::RecordEntry;
use panorama_identity::cms::{Audit, Profile, RULES_VERSION, Response, Rules, respond};
use panorama_model::{Decode, DecodeContext, Decoded, PersonId, Reading, SourceRecord};
use panorama_standardize::standardize;
use panorama_unify::record_name;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Candidates that an answer lists; how many there are it says anyway. Two are ambiguous already.
const LISTED_MAX: usize = 20;
/// Alternatives of a phone number or e-mail address in a query.
const ALTERNATIVES_MAX: usize = 8;
/// Where a query that is no record comes from.
const QUERY: &str = "query";

/// Who is asked for.
struct Query {
    profile: Profile,
    /// The record's own number: it is no candidate for itself.
    own: Option<u64>,
    name: String,
}

impl Admin {
    /// Whom the combinations find: `{"record": NAME}` or `{"person": {canonical field: value}}`, and `"household_unsafe"`.
    pub(crate) fn identity_cms(&self, request: &Value) -> Answer {
        let household_unsafe = request.get("household_unsafe").and_then(Value::as_bool) == Some(true);
        let mut rules = Rules::default();
        if household_unsafe {
            rules = rules.with_household_unsafe();
        }
        let query = match (
            request.get("record").and_then(Value::as_str),
            request.get("person"),
        ) {
            (Some(record), _) => self.query_of_record(record)?,
            (None, Some(person)) => Query {
                profile: self.profile_of_query(person)?,
                own: None,
                name: QUERY.to_owned(),
            },
            (None, None) => {
                return Err(AdminError::Request(
                    "say a record or a person to ask for".to_owned(),
                ));
            }
        };
        let population = self.population_near(&query)?;
        let profiles = population.iter().map(|(person, profile)| (*person, profile));
        let response = respond(rules, &query.profile, profiles);
        let own = query
            .own
            .map(|number| self.person_of(number))
            .transpose()?
            .flatten();
        Ok(json!({
            "query": query.name, "rules_version": RULES_VERSION,
            "household_unsafe_rules": household_unsafe,
            "uniqueness": response.uniqueness, "action": response.action(),
            "answer": response.answer().map(PersonId::to_string),
            "person_of_record": own.map(|person| person.to_string()),
            "candidates_found": response.candidates.len(),
            "candidates": self.candidates(&response, query.own)?,
        }))
    }

    /// Each candidate with its records and the audit of each combination.
    fn candidates(&self, response: &Response<PersonId>, own: Option<u64>) -> Answer {
        let audits: Vec<(&PersonId, Audit)> = response.audits().collect();
        let mut out = Vec::new();
        for candidate in response.candidates.iter().take(LISTED_MAX) {
            let of_candidate = audits.iter().filter(|(person, _)| **person == candidate.subject);
            let mut records = Vec::new();
            for (_, entry) in self.members(candidate.subject, own)? {
                records.push(record_name(&entry.key).to_string());
            }
            out.push(json!({
                "person_id": candidate.subject.to_string(), "records": records,
                "audit": of_candidate.map(|(_, audit)| json!(audit)).collect::<Vec<_>>(),
            }));
        }
        Ok(Value::Array(out))
    }

    fn query_of_record(&self, name: &str) -> Result<Query, AdminError> {
        let (number, record) = self.find_record(name)?;
        let entry = self
            .entry(number)?
            .ok_or_else(|| AdminError::NotFound(format!("{name} says nothing of a person")))?;
        Ok(Query {
            profile: Profile::of(entry.matched()),
            own: Some(number),
            name: record_name(&record.key).to_string(),
        })
    }

    /// What a person in canonical fields says, standardized as any record is.
    fn profile_of_query(&self, person: &Value) -> Result<Profile, AdminError> {
        let record = read_query(person).map_err(AdminError::Request)?;
        let said = standardize(&record.person.unwrap_or_default());
        let profile = Profile::of(&self.scorer.matched(QUERY, &said));
        if profile == Profile::default() {
            return Err(AdminError::Request(
                "the query says nothing that a combination could use".to_owned(),
            ));
        }
        Ok(profile)
    }

    /// The persons of whom some record shares a value with the query, each with all it is known by: all others fulfil no
    /// combination.
    fn population_near(&self, query: &Query) -> Result<Vec<(PersonId, Profile)>, AdminError> {
        let mut near = Vec::new();
        let others = |number: u64| Some(number) != query.own;
        each_record(
            &*self.store,
            spaces::IDENTITY_RECORDS,
            others,
            |number, entry: RecordEntry| {
                if entry.is_active() && Profile::of(entry.matched()).shares_a_value(&query.profile) {
                    near.push(number);
                }
            },
        )?;
        let mut persons = BTreeSet::new();
        for number in near {
            persons.extend(self.person_of(number)?);
        }
        let mut population = Vec::new();
        for person in persons {
            let mut profile = Profile::default();
            for (_, entry) in self.members(person, query.own)? {
                profile.absorb(entry.matched());
            }
            population.push((person, profile));
        }
        Ok(population)
    }

    /// The active records of a person but one.
    fn members(&self, person: PersonId, but: Option<u64>) -> Result<Vec<(u64, RecordEntry)>, AdminError> {
        let members = read_person(&*self.store, person)?.unwrap_or_default().members;
        let mut out = Vec::new();
        for number in members.into_iter().filter(|number| Some(*number) != but) {
            if let Some(entry) = self.entry(number)?.filter(RecordEntry::is_active) {
                out.push((number, entry));
            }
        }
        Ok(out)
    }
}

/// Reads a query as a list's record is read, each canonical field under its own name.
fn read_query(person: &Value) -> Result<SourceRecord, String> {
    let fields = PERSON_FIELDS.iter().filter(|field| **field != "updated_at");
    let known: Vec<&str> = fields.copied().collect();
    let Value::Object(said) = person else {
        return Err("a query is a JSON object of canonical fields".to_owned());
    };
    if let Some(unknown) = said.keys().find(|field| !known.contains(&field.as_str())) {
        return Err(format!(
            "no canonical field is called {unknown}; they are {}",
            known.join(", ")
        ));
    }
    let mut columns = Map::new();
    for field in known {
        let paths = match field {
            // One value, or a list of them.
            "phone" | "email" => (1..ALTERNATIVES_MAX).fold(vec![field.to_owned()], |mut paths, at| {
                paths.push(format!("{field}.{at}"));
                paths
            }),
            _ => vec![field.to_owned()],
        };
        columns.insert(field.to_owned(), json!(paths));
    }
    let mapping =
        json!({"columns": columns, "multiple": ["phone", "email"], "constants": {"source_record_id": QUERY}});
    let mapping = serde_json::from_value(mapping).map_err(|error| error.to_string())?;
    let decoder = NdjsonDecoder::new(mapping).map_err(|error| error.to_string())?;
    let context = DecodeContext {
        source: QUERY,
        received_at: panorama_model::Timestamp(0),
        zone: None,
        headers: &[],
    };
    match decoder.decode(person.to_string().as_bytes(), &context) {
        Reading::Read(Decoded {
            mut records, issues, ..
        }) if issues.is_empty() => records
            .pop()
            .ok_or_else(|| "the query says nothing of a person".to_owned()),
        Reading::Read(Decoded { issues, .. }) => {
            let places: Vec<String> = issues
                .iter()
                .map(|issue| format!("{}: {}", issue.location, issue.code))
                .collect();
            Err(format!("the query cannot be read whole: {}", places.join(", ")))
        }
        Reading::Unreadable(reason) => Err(format!("the query cannot be read: {}", reason.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_as_records_are() {
        let said = json!({
            "given_name": "Maria", "family_name": "Ruiz", "birth_date": "1980-02-29",
            "phone": ["414-555-0123", "414-555-0124"], "email": "maria@ruiz.org", "postal_code": "53202",
        });
        let person = standardize(&read_query(&said).unwrap().person.unwrap());
        assert_eq!(
            (person.given.as_str(), person.phones.len(), person.emails.len()),
            ("maria", 2, 1)
        );
        let check = |said: Value, message: &str| {
            let error = read_query(&said).unwrap_err();
            assert!(error.contains(message), "{error}");
        };
        check(
            json!({"famly_name": "Ruiz"}),
            "no canonical field is called famly_name",
        );
        check(json!(["Ruiz"]), "a JSON object");
        check(
            json!({"family_name": "Ruiz", "birth_date": "yesterday"}),
            "birth_date: date_invalid",
        );
    }
}
