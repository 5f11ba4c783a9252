//! Batches that are prepared while the device works.

use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use crate::error::Result;

/// Batches that may lie ready before they are wanted. Another may be in preparation, and one in use.
pub(crate) const READY: usize = 2;

/// Batches in order, as they become ready.
pub(crate) struct Ahead<T> {
    batches: Receiver<Result<T>>,
    /// Time in which the next one was not ready when it was wanted.
    pub(crate) waited: Duration,
}

impl<T> Ahead<T> {
    /// The next batch, or the error in its preparation; none after the last one, and after an error.
    pub(crate) fn next(&mut self) -> Result<Option<T>> {
        let asked = Instant::now();
        let next = self.batches.recv().ok();
        self.waited += asked.elapsed();
        next.transpose()
    }
}

/// Calls `consume` with the batches that `prepare` makes of the items of `plan`, one after the other, in a thread of its own.
///
/// Where `consume` returns early, the thread ends after the batch that it is at; a panic in it goes on in the caller.
pub(crate) fn ahead<I: Send, T: Send, R>(
    plan: impl Iterator<Item = I> + Send,
    prepare: impl Fn(I) -> Result<T> + Send,
    consume: impl FnOnce(&mut Ahead<T>) -> Result<R>,
) -> Result<R> {
    std::thread::scope(|scope| {
        let (sender, batches) = sync_channel(READY);
        scope.spawn(move || {
            for item in plan {
                let batch = prepare(item);
                let is_last = batch.is_err();
                if sender.send(batch).is_err() || is_last {
                    break;
                }
            }
        });
        consume(&mut Ahead { batches, waited: Duration::ZERO })
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::error::Error;

    #[test]
    fn batches_come_in_order_and_few_are_made_ahead() {
        let made = AtomicUsize::new(0);
        let prepare = |i| {
            made.fetch_add(1, Ordering::SeqCst);
            Ok(i)
        };
        ahead(0..50, prepare, |batches| {
            for i in 0..50 {
                std::thread::sleep(Duration::from_millis(if i < 10 { 3 } else { 0 }));
                // One more may be done with, but has no place to lie.
                assert!(made.load(Ordering::SeqCst) <= i + READY + 1, "{i}");
                assert_eq!(batches.next().unwrap(), Some(i));
            }
            assert_eq!(batches.next().unwrap(), None);
            Ok(())
        })
        .unwrap();
        assert_eq!(made.into_inner(), 50);
    }

    #[test]
    fn an_early_end_on_either_side_ends_both() {
        let prepare = |i| if i == 3 { Err(Error::argument("i", i, "is bad")) } else { Ok(i) };
        ahead(0.., prepare, |batches| {
            (0..3).for_each(|i| assert_eq!(batches.next().unwrap(), Some(i)));
            assert!(batches.next().unwrap_err().to_string().contains("i = 3"));
            assert_eq!(batches.next().unwrap(), None);
            Ok(())
        })
        .unwrap();
        assert_eq!(ahead(0_u64.., Ok, |batches| batches.next()).unwrap(), Some(0), "not for ever");
    }

    #[test]
    fn waiting_is_measured() {
        let slow = |i| {
            std::thread::sleep(Duration::from_millis(20));
            Ok(i)
        };
        let waited = ahead(0..2, slow, |batches| {
            while batches.next().unwrap().is_some() {}
            Ok(batches.waited)
        })
        .unwrap();
        assert!(waited >= Duration::from_millis(40), "{waited:?}");
    }
}
