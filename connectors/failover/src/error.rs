//! What can go wrong in following and owning.

use panorama_api::{ConnectorError, ErrorClass};

/// An error of this crate.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FailoverError {
    /// Another process owns the pipeline now.
    #[error(
        "another process took this pipeline over (generation {0}): this one was not heard of for too long, or was started twice. \
         Started again, it stands by"
    )]
    TakenOver(u64),
    /// Another process owns the pipeline, and this one is not to wait.
    #[error("another process owns this pipeline (generation {0}) and is at work")]
    Owned(u64),
    /// Stored bytes do not make sense.
    #[error("what is stored there is damaged, or was written by another version")]
    Damaged,
    /// State has a space that this version does not know.
    #[error("state was written by a newer version: it has `{0}`")]
    Newer(String),
    /// An object that was there a moment ago is gone.
    #[error("the object is there and is not")]
    Vanished,
    /// State cannot be put together.
    #[error("the journal has no beginning: entry {0} is its first, and there is no base before it")]
    NoBeginning(u64),
    /// State that nobody would hear of.
    #[error("an owner's state changes by commits only: what is loaded is not in the journal")]
    NotShared,
    /// A stop was asked for before all was shared.
    #[error("stopped before it could be shared")]
    Stopped,
    /// A local file.
    #[error(transparent)]
    File(#[from] std::sync::Arc<std::io::Error>),
}

/// The result of this crate's own steps.
pub(crate) type Result<T> = std::result::Result<T, FailoverError>;

impl FailoverError {
    pub(crate) fn at(self, action: &'static str, object: impl Into<String>) -> ConnectorError {
        let class = match self {
            Self::Vanished | Self::Stopped => ErrorClass::Retry,
            _ => ErrorClass::Fatal,
        };
        ConnectorError::new(action, object, class, self)
    }
}

impl From<std::io::Error> for FailoverError {
    fn from(error: std::io::Error) -> Self {
        Self::File(std::sync::Arc::new(error))
    }
}
