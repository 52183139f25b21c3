//! Standardize: what sources spell in many ways, spelled in one (INV-1: pure functions).
//!
//! Sits between decode and identify. Every function is idempotent: what it gives, it gives back unchanged. Values that
//! stand for "we have none" (placeholder dates, `5555555555`, `noemail@...`) are dropped, so they never join people.

pub mod address;
mod address_words;
pub mod birth_date;
pub mod email;
pub mod identifier;
pub mod name;
pub mod nickname;
mod nickname_pairs;
mod nickname_variants;
mod person;
pub mod phone;
pub mod social_security;
mod text;

pub use address::StandardAddress;
pub use birth_date::BirthDate;
pub use identifier::StandardIdentifier;
pub use name::Generation;
pub use person::{PersonFlags, StandardPerson, standardize};
pub use social_security::SocialSecurity;
pub use text::fold_letters;
