//! The suite every implementation of the contracts passes.
