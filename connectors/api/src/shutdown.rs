//! Shutdown: a request to stop.

use futures_util::future::select_all;
use tokio::sync::watch;

/// A request to stop, seen by every part of the process at once, whoever is being polled.
#[derive(Clone, Debug)]
pub struct Shutdown(Vec<watch::Receiver<bool>>);

impl Shutdown {
    /// A request not yet made, and the way to make it.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(vec![receiver]))
    }

    /// A request to a part of what this one is to, made with this one or by itself.
    pub fn part(&self) -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        let whole = self.0.iter().cloned();
        (sender, Self(whole.chain([receiver]).collect()))
    }

    /// True once the request is made.
    pub fn is_requested(&self) -> bool {
        self.0.iter().any(|request| *request.borrow())
    }

    /// Resolves once the request is made, or nobody is left to make it.
    pub async fn requested(&mut self) {
        // An error says that its sender is gone.
        let made = self
            .0
            .iter_mut()
            .map(|request| Box::pin(request.wait_for(|is| *is)));
        drop(select_all(made).await);
    }
}
