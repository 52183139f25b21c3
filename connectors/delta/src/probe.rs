//! Whether tables can be kept at a place, found out before they are.

use crate::location::Location;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, path::Path};
use panorama_api::{ConnectorError, Result};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Looks whether an object store can be reached and written to, and refuses to put an object where one is: commits rest
/// on that. Nothing stays there. Local directories are not looked at.
///
/// # Errors
/// Fatal, with the store's own reason.
pub async fn probe(location: &str, options: HashMap<String, String>) -> Result<()> {
    let place = Location::new(location, options)?;
    if place.local().is_some() {
        return Ok(());
    }
    let store = place.table(".panorama-probe").handle()?.object_store();
    let path = Path::from(format!("{:016x}", RandomState::new().hash_one(location)));
    let outcome = put_twice(store.as_ref(), &path).await;
    // One that stays behind is empty, and no table's.
    drop(store.delete(&path).await);
    outcome.map_err(|cause| ConnectorError::fatal("write to", location, cause))
}

async fn put_twice(
    store: &dyn ObjectStore,
    path: &Path,
) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let put = || store.put_opts(path, "".into(), PutOptions::from(PutMode::Create));
    match put().await {
        // Nobody else knows the name: the store's answer was lost, and the put was sent again.
        Err(Error::AlreadyExists { .. }) => drop(store.head(path).await?),
        first => drop(first?),
    }
    match put().await {
        Err(Error::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("this store puts an object where there is one although asked not to (If-None-Match): two commits \
                      could overwrite each other, so tables cannot be kept here"
            .into()),
    }
}
