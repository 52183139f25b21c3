//! Who may commit: the owner's generation stands in the table as a transaction of its own, and each entry is made from a
//! state that has it. Whoever was owner before finds another one there, at the latest when its entry finds its version taken.

use crate::commit::{Change, Put};
use crate::table::OpenTable;
use panorama_api::{Result, Table};
use panorama_model::Timestamp;
use serde_json::Value;

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
        let found = self.epoch(name).await?.unwrap_or(0);
        if found > generation {
            return Err(self.taken_over(found));
        }
        if found < generation {
            self.put_generation(name, generation).await?;
        }
        self.owner = Some(Owner {
            name: name.to_owned(),
            generation,
        });
        self.check_owner().await
    }

    /// Puts the generation at the next version that is free. A former owner may commit faster than the table can be read
    /// anew, so of the entries that come between only the owner is looked at.
    async fn put_generation(&mut self, name: &str, generation: u64) -> Result<()> {
        let nothing = Change {
            added: Vec::new(),
            removed: Vec::new(),
            data_change: false,
        };
        let at = Timestamp::from_milliseconds(crate::commit::wall_clock_ms());
        let application = Some((name, generation));
        let (first, entry) = self.entry(&nothing, "CLAIM", "Append", at, application).await?;
        let mut version = first;
        while let Put::Taken { .. } = self.put(version, entry.clone()).await? {
            let found = self.log.get(version).await;
            let found = found.map_err(|cause| self.location.retry("read the log of", cause))?;
            let found = found.and_then(|entry| generation_in(&entry, name)).unwrap_or(0);
            if found > generation {
                return Err(self.taken_over(found));
            }
            version += 1;
        }
        if version == first {
            self.landed(version, &nothing, at, application)?;
        } else {
            // Others' entries came between: the log is read again.
            self.state = None;
        }
        Ok(())
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

/// The generation of an owner that an entry of the log sets, if it does.
fn generation_in(entry: &[u8], owner: &str) -> Option<u64> {
    let lines = entry.split(|byte| *byte == b'\n');
    let actions = lines.filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let mut owners = actions.filter_map(|action| {
        let transaction = action.get("txn")?;
        (transaction.get("appId")? == owner).then(|| transaction.get("version")?.as_u64())?
    });
    owners.next()
}
