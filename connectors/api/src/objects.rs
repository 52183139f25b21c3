//! Whole objects by name, in a place that all processes of a pipeline share.

use crate::Result;
use bytes::Bytes;

/// What became of an object that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is there now, durably.
    Made,
    /// There was one of this name, and it stays.
    Exists,
}

/// Objects below one place. Names have `/` between their parts. All calls block.
pub trait Objects: Send + Sync {
    /// Puts an object where none is.
    ///
    /// An error leaves open whether it is there: who has to know asks for it, and compares.
    fn create(&self, name: &str, bytes: Bytes) -> Result<Created>;

    /// Puts an object, whatever is there.
    fn put(&self, name: &str, bytes: Bytes) -> Result<()>;

    /// An object's bytes, if it is there.
    fn get(&self, name: &str) -> Result<Option<Bytes>>;

    /// The names below a directory (`a/` or nothing), ascending.
    fn list(&self, directory: &str) -> Result<Vec<String>>;

    /// Deletes an object. One that is not there is none the less gone.
    fn delete(&self, name: &str) -> Result<()>;
}
