//! Work on many files by all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::error::{Error, Result};

/// As many threads as asked for, by default one for each processor.
pub(super) fn threads(workers: Option<NonZero<usize>>) -> usize {
    workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZero::get)
}

/// The results for all items, in their order. Of several errors, the one of the first part of the items counts, so that
/// the same input gives the same error.
pub(crate) fn map<T: Sync, U: Send>(
    workers: Option<NonZero<usize>>,
    items: &[T],
    work: impl Fn(&T) -> Result<U> + Sync,
) -> Result<Vec<U>> {
    let each = items.len().div_ceil(threads(workers)).max(1);
    let parts: Result<Vec<Vec<U>>> = thread::scope(|scope| {
        let start = |part| {
            scope.spawn({
                let work = &work;
                move || items_of(part, work)
            })
        };
        let started: Vec<_> = items.chunks(each).map(start).collect();
        started.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    Ok(parts?.into_iter().flatten().collect())
}

/// Fills `out`, an equal part for each item, by so many threads, each of which takes the next item when it is done with one. The
/// error of the first item that has one is returned; later items may then be left out.
pub(super) fn fill<T: Sync, U: Send>(
    threads: usize,
    items: &[T],
    out: &mut [U],
    work: impl Fn(&T, &mut [U]) -> Result<()> + Sync,
) -> Result<()> {
    let each = (out.len() / items.len().max(1)).max(1);
    let queue = Mutex::new(Queue { rest: items.iter().zip(out.chunks_exact_mut(each)).enumerate(), failed: None });
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || {
        loop {
            let next = lock().next();
            let Some((place, (item, part))) = next else { break };
            if let Err(error) = work(item, part) {
                lock().fail(place, error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    queue.into_inner().unwrap_or_else(PoisonError::into_inner).failed.map_or(Ok(()), |(_, error)| Err(error))
}

/// Items that nobody has taken yet, and the first that failed. They are taken in order, so that all before one that failed have
/// been taken, and the first error does not depend on who is faster.
struct Queue<I> {
    rest: I,
    failed: Option<(usize, Error)>,
}

impl<I: Iterator> Queue<I> {
    fn next(&mut self) -> Option<I::Item> {
        if self.failed.is_some() { None } else { self.rest.next() }
    }

    fn fail(&mut self, place: usize, error: Error) {
        if self.failed.as_ref().is_none_or(|(first, _)| place < *first) {
            self.failed = Some((place, error));
        }
    }
}

fn items_of<T, U>(part: &[T], work: &impl Fn(&T) -> Result<U>) -> Result<Vec<U>> {
    part.iter().map(work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_the_first_error_counts() {
        let items: Vec<usize> = (0..1001).collect();
        assert_eq!(map(None, &items, |&i| Ok(2 * i)).unwrap(), (0..1001).map(|i| 2 * i).collect::<Vec<_>>());
        assert!(map(None, &[0; 0], |&i| Ok(i)).unwrap().is_empty());
        let bad = |&i: &usize| if i % 300 == 7 { Err(Error::argument("i", i, "")) } else { Ok(i) };
        assert!(map(None, &items, bad).unwrap_err().to_string().contains("i = 7"));
    }

    #[test]
    fn parts_are_filled_and_the_first_error_counts_by_any_number_of_threads() {
        let items: Vec<usize> = (0..101).collect();
        for threads in [1, 2, 5, 200] {
            let mut out = vec![0; 202];
            let both = |&i: &usize, out: &mut [usize]| {
                out.copy_from_slice(&[i, 2 * i]);
                Ok(())
            };
            fill(threads, &items, &mut out, both).unwrap();
            assert!(out.chunks(2).enumerate().all(|(i, pair)| pair == [i, 2 * i]));
            let bad = |&i: &usize, _: &mut [usize]| {
                // The later error comes first.
                std::thread::sleep(std::time::Duration::from_millis(if i == 7 { 20 } else { 0 }));
                if i == 7 || i == 8 { Err(Error::argument("i", i, "")) } else { Ok(()) }
            };
            assert!(fill(threads, &items, &mut out, bad).unwrap_err().to_string().contains("i = 7"));
        }
        fill(3, &[0; 0], &mut [0; 0], |_, _| Ok(())).unwrap();
    }
}
