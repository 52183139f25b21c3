//! A seeded synthetic health system: people with truth, and the feeds they cause.
//!
//! Pure (INV-1): seed and times are arguments, bytes go to a [`FeedSink`]. The files:
//!
//! | file | what |
//! |---|---|
//! | `hl7/hospital-NNNN.hl7` | HL7 v2.5.1 of the hospital: ADT, SIU, ORU |
//! | `fhir/clinic-NNNN.ndjson`, `fhir/clinic-bundle-NNNN.json` | FHIR R4 of the clinic: resources and visits, one a line |
//! | `calls/connect-NNNN.json` | Amazon Connect contact records, one a line |
//! | `crm/contacts.csv` | the CRM's export |
//! | `marketing/sendgrid-NNNN.json` | posts of the SendGrid event webhook, one a line |
//! | `web/segment-NNNN.json` | Segment calls of the web site, one a line |
//! | `providers/nppes.csv` | the registry of providers |
//! | `truth/entities.csv` | `source,source_record_id,entity_id`: whose each source record is |
//! | `truth/shared_endpoints.csv` | telephone numbers and addresses that belong to no single person |
//! | `truth/persons.csv` | the real people |

mod calendar;
mod catalog;
mod example;
mod feed;
mod files;
mod generate;
mod households;
mod names;
mod people;
mod places;
mod plan;
mod random;
mod recorded;
mod schedule;
mod story;
mod text;
mod world;

#[cfg(test)]
mod tests;

pub use example::example_config;
pub use files::FeedSink;
pub use generate::{Summary, SynthOptions, generate};
