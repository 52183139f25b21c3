//! FHIR data types in the model's words.

mod concept;
mod demographics;
mod quantity;
mod time;

pub(crate) use concept::{Concept, concept, is_npi_system, set_concept};
pub(crate) use demographics::{
    addresses, contact_points, human_name, human_names, identifiers, joined, sex, shown_name,
};
pub(crate) use quantity::quantity;
pub(crate) use time::{instant, period};
