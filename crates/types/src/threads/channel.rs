//! Channels of the standard library, whose ends can wait in a simulation.

use std::sync::mpsc::{self, RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::time::Duration;

use super::turns::Key;
use super::{new_key, notify, place, simulated, step};
use crate::clock::Mono;

/// A channel without a bound.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::channel();
    let (filled, emptied) = (new_key(), 0);
    (Sender { sender: Some(sender), filled }, Receiver { receiver: Some(receiver), filled, emptied })
}

/// A channel of `bound` items: who sends more waits.
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::sync_channel(bound);
    let (filled, emptied) = (new_key(), new_key());
    (SyncSender { sender: Some(sender), filled, emptied }, Receiver { receiver: Some(receiver), filled, emptied })
}

/// The end of a channel without a bound that sends.
pub struct Sender<T> {
    /// Always there until the end of the sender, which is told after it.
    sender: Option<mpsc::Sender<T>>,
    filled: Key,
}

impl<T> Sender<T> {
    /// Sends an item.
    ///
    /// # Errors
    /// When nobody receives any more.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        let Some(sender) = &self.sender else { return Err(SendError(item)) };
        sender.send(item)?;
        notify(self.filled);
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.sender = None;
        notify(self.filled);
    }
}

/// The end of a channel with a bound that sends.
pub struct SyncSender<T> {
    /// As of [`Sender`].
    sender: Option<mpsc::SyncSender<T>>,
    filled: Key,
    emptied: Key,
}

impl<T> SyncSender<T> {
    /// Sends an item; waits while the channel is full.
    ///
    /// # Errors
    /// When nobody receives any more.
    pub fn send(&self, item: T) -> Result<(), SendError<T>> {
        let Some(sender) = &self.sender else { return Err(SendError(item)) };
        let Some(place) = place() else { return sender.send(item) };
        let mut item = item;
        loop {
            match sender.try_send(item) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(item)) => return Err(SendError(item)),
                Err(TrySendError::Full(back)) => item = back,
            }
            place.turns.wait(place.number, self.emptied, None);
        }
        notify(self.filled);
        Ok(())
    }
}

impl<T> Drop for SyncSender<T> {
    fn drop(&mut self) {
        self.sender = None;
        notify(self.filled);
    }
}

/// The end of a channel that receives.
pub struct Receiver<T> {
    /// As of [`Sender`].
    receiver: Option<mpsc::Receiver<T>>,
    filled: Key,
    emptied: Key,
}

impl<T> Receiver<T> {
    /// The next item, if there is one.
    ///
    /// # Errors
    /// When there is none, now or for ever.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(receiver) = &self.receiver else { return Err(TryRecvError::Disconnected) };
        let item = receiver.try_recv()?;
        notify(self.emptied);
        Ok(item)
    }

    /// Waits for the next item.
    ///
    /// # Errors
    /// When no more will come.
    pub fn recv(&self) -> Result<T, RecvError> {
        match (&self.receiver, simulated()) {
            (Some(receiver), false) => receiver.recv(),
            _ => self.wait(None).map_err(|_| RecvError),
        }
    }

    /// Waits for the next item for a while.
    ///
    /// # Errors
    /// When none has come, or no more will come.
    pub fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        match (&self.receiver, simulated()) {
            (Some(receiver), false) => receiver.recv_timeout(time),
            _ => self.wait(Some(Mono::now().after(time))),
        }
    }

    /// The items that are there.
    pub fn try_iter(&self) -> impl Iterator<Item = T> + '_ {
        std::iter::from_fn(|| self.try_recv().ok())
    }

    fn wait(&self, until: Option<Mono>) -> Result<T, RecvTimeoutError> {
        step();
        loop {
            match self.try_recv() {
                Ok(item) => return Ok(item),
                Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) => {}
            }
            let left = until.map(Mono::until);
            if left == Some(Duration::ZERO) {
                return Err(RecvTimeoutError::Timeout);
            }
            let Some(place) = place() else { return Err(RecvTimeoutError::Disconnected) };
            place.turns.wait(place.number, self.filled, left);
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.receiver = None;
        notify(self.emptied);
    }
}
