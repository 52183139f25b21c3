//! Who may commit: the owner's generation stands in the table as a transaction of its own, and each entry is made from a
//! state that has it. Whoever was owner before finds another one there, at the latest when its entry finds its version taken.

use crate::commit::{Change, Put};
use crate::table::OpenTable;
use panorama_api::{Result, Table};
use panorama_model::Timestamp;

/// Under whose name a table was opened.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    pub(crate) name: String,
    pub(crate) generation: u64,
}

impl OpenTable {
    /// Puts the generation into the table, unless it is there.
    pub(crate) async fn fence_off(&mut self, name: &str, generation: u64) -> Result<()> {
        self.owner = None;
        loop {
            self.state = None;
            let found = self.epoch(name).await?.unwrap_or(0);
            if found > generation {
                return Err(self.taken_over(found));
            }
            let landed = if found < generation {
                self.put_generation(name, generation).await?
            } else {
                true
            };
            if landed {
                self.owner = Some(Owner {
                    name: name.to_owned(),
                    generation,
                });
                return Ok(());
            }
        }
    }

    async fn put_generation(&mut self, name: &str, generation: u64) -> Result<bool> {
        let nothing = Change {
            added: Vec::new(),
            removed: Vec::new(),
            data_change: false,
        };
        let at = Timestamp::from_milliseconds(crate::commit::wall_clock_ms());
        let application = Some((name, generation));
        let (version, entry) = self.entry(&nothing, "CLAIM", "Append", at, application).await?;
        match self.put(version, entry).await? {
            Put::Landed => self.landed(version, &nothing, at, application).map(|_| true),
            Put::Taken { .. } => Ok(false),
        }
    }

    /// Refuses where the state to commit from has another owner.
    pub(crate) async fn check_owner(&mut self) -> Result<()> {
        let Some(owner) = self.owner.clone() else {
            return Ok(());
        };
        #[cfg(feature = "planted-bugs")]
        if panorama_api::is_planted("no-fence") {
            return Ok(());
        }
        match self.epoch(&owner.name).await? {
            Some(found) if found == owner.generation => Ok(()),
            found => Err(self.taken_over(found.unwrap_or(0))),
        }
    }

    fn taken_over(&self, generation: u64) -> panorama_api::ConnectorError {
        let cause = format!("another process took this pipeline over (generation {generation})");
        self.location.fatal("commit to", cause)
    }
}
