//! The HTTP side: health, metrics, a page for a person, and the operator's calls.
//!
//! `/healthz`, `/readyz`, `/metrics` carry no patient data and are open. `/api/admin` does, so it answers loopback
//! peers only: whoever may log on to the machine may read its disk as well.

mod page;
mod server;

pub use server::{Backend, serve};
