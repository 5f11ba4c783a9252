//! Time and traffic of kernels.

use sdnet::gpu::{Gpu, KernelTime};

use crate::harness::{tensor, values};
use crate::support::options;

/// What an addition costs, and the bytes of its tensors: 1030 values, not a size that the pool rounds to.
///
/// On a device of its own, since a profile includes whatever other threads do on the same device.
fn cost_of_adding(calls: usize, to_itself: bool) -> (Vec<KernelTime>, u64) {
    let gpu = &Gpu::open(&options()).unwrap();
    let v = values(1030, 1);
    let (a, b) = (tensor(gpu, &[1030], &v), tensor(gpu, &[1030], &v));
    let add = || (0..calls).try_for_each(|_| a.add(if to_itself { &a } else { &b }).map(drop));
    (gpu.profile(add).unwrap().1, 4 * 1030)
}

#[test]
fn a_profile_counts_calls_time_and_the_bytes_of_distinct_buffers() {
    let (times, size) = cost_of_adding(3, false);
    assert_eq!((times.len(), times[0].kernel, times[0].calls), (1, "add", 3));
    assert!(times[0].seconds > 0.0 && times[0].seconds.is_finite());
    assert_eq!(times[0].bytes, 3 * 3 * size);
    let (times, size) = cost_of_adding(1, true);
    assert_eq!(times[0].bytes, 2 * size, "a buffer bound twice counts once");
}
