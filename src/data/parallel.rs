//! Work on many files by all processors.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread;

use crate::error::Result;

/// The results for all items, in their order. Of several errors, the one of the first part of the items counts, so that
/// the same input gives the same error.
pub(super) fn map<T: Sync, U: Send>(items: &[T], work: impl Fn(&T) -> Result<U> + Sync) -> Result<Vec<U>> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let each = items.len().div_ceil(workers).max(1);
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

fn items_of<T, U>(part: &[T], work: &impl Fn(&T) -> Result<U>) -> Result<Vec<U>> {
    part.iter().map(work).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn order_is_kept_and_the_first_error_counts() {
        let items: Vec<usize> = (0..1001).collect();
        assert_eq!(map(&items, |&i| Ok(2 * i)).unwrap(), (0..1001).map(|i| 2 * i).collect::<Vec<_>>());
        assert!(map(&[0; 0], |&i| Ok(i)).unwrap().is_empty());
        let bad = |&i: &usize| if i % 300 == 7 { Err(Error::argument("i", i, "")) } else { Ok(i) };
        assert!(map(&items, bad).unwrap_err().to_string().contains("i = 7"));
    }
}
