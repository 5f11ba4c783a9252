//! Memory of the device that is exhausted, and memory of the host that is counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use sdnet::error::Error;
use sdnet::models::Model;
use sdnet::ops::SgdRule;
use sdnet::train::TrainStep;

use crate::setting::*;

thread_local! {
    /// Bytes that this thread holds, and the most since [`most_allocated`] began.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting for each thread.
struct Counting;

fn count(bytes: isize) {
    // A thread that is ending has nothing left to count with.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: every call goes to the system's allocator as it is; counting neither allocates nor touches memory of others.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` returns, and the most bytes that this thread held beyond those before.
pub fn most_allocated<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.with(|held| {
        let now = held.get().0;
        held.set((now, now));
        now
    });
    let done = work();
    (done, HELD.with(|held| (held.get().1 - before).max(0) as usize))
}

#[test]
fn every_buffer_of_a_step_may_be_refused() {
    let gpu = open();
    let (network, images) = network(&gpu);
    let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
    let step = TrainStep::new(rule, &network).unwrap();
    step.run(&network, &images, &[0, 3], 0.01).unwrap();
    let (every, mut refused) = (times(7, 1) as u64, 0);
    for after in (0..).step_by(every as usize) {
        gpu.refuse_buffer(Some(after));
        let done = step.run(&network, &images, &[1, 2], 1e-4);
        gpu.refuse_buffer(None);
        match done {
            Err(Error::OutOfMemory { .. }) => refused += 1,
            Err(other) => panic!("request {after}: {other}"),
            // The step needs no more buffers than that.
            Ok(_) => break,
        }
        let scores = network.predict(&images).unwrap().to_vec().unwrap();
        assert!(scores.iter().all(|score| score.is_finite()), "after request {after}: {scores:?}");
    }
    assert!(refused > times(20, 150), "a step asks for more than {refused} buffers");
    step.run(&network, &images, &[1, 2], 0.01).unwrap();
    println!(
        "{refused} buffers of a training step were refused, one after the other: the network could be used after each"
    );
}
