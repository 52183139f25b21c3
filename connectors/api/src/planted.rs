//! Bugs planted on purpose: a test that cannot find them proves nothing.
//!
//! | name | what goes wrong |
//! |---|---|
//! | `ack-before-commit` | senders are answered before their messages are durable |
//! | `forget-copies` | a message sent again is stored again |
//! | `no-epoch-check` | what a table took over before a crash is given to it again |
//! | `forget-outbox` | rows changed before a crash and not published yet never are |
//! | `position-before-effects` | the position of an epoch is durable before what its messages did |

/// Whether a bug is planted in this process, by the environment variable `PANORAMA_PLANT`.
pub fn is_planted(name: &str) -> bool {
    std::env::var_os("PANORAMA_PLANT").is_some_and(|planted| planted == name)
}
