//! What went wrong at an edge, and who acts on it.

/// What the runtime does about an error. Only `pipelines/runtime` acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// It may pass: try again with back-off.
    Retry,
    /// The message is at fault: set it aside.
    Quarantine,
    /// It will not pass: stop, and say so.
    Fatal,
}

impl ErrorClass {
    /// The class's stable name, a metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Quarantine => "quarantine",
            Self::Fatal => "fatal",
        }
    }
}

/// An error of a connector: what it was doing to what, and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[error("cannot {action} {object}")]
pub struct ConnectorError {
    /// What was being done: `append to`, `open`, `commit`.
    pub action: &'static str,
    /// The object: a topic, a table, a path, an address. Never patient data.
    pub object: String,
    /// What to do about it.
    pub class: ErrorClass,
    /// The cause.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl ConnectorError {
    /// An error of this class.
    pub fn new(
        action: &'static str,
        object: impl Into<String>,
        class: ErrorClass,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            object: object.into(),
            class,
            cause: cause.into(),
        }
    }

    /// An error that may pass.
    pub fn retry(
        action: &'static str,
        object: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            object: object.into(),
            class: ErrorClass::Retry,
            cause: cause.into(),
        }
    }

    /// An error that will not pass.
    pub fn fatal(
        action: &'static str,
        object: impl Into<String>,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            action,
            object: object.into(),
            class: ErrorClass::Fatal,
            cause: cause.into(),
        }
    }

    /// What to do about it.
    pub const fn class(&self) -> ErrorClass {
        self.class
    }
}

/// The result of a connector's work.
pub type Result<T> = std::result::Result<T, ConnectorError>;
