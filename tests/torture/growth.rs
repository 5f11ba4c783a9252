//! Memory over many steps.

use sdnet::ops::SgdRule;
use sdnet::train::TrainStep;

use crate::setting::*;

/// Bytes of this process in main memory.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * status.split(' ').nth(1).unwrap().parse::<u64>().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn many_steps_need_no_more_memory_than_a_few() {
    let gpu = open();
    let (network, images) = network(&gpu);
    let step = TrainStep::new(SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true }, &network).unwrap();
    let steps = times(150, 10_000);
    let mut after_some = (0, 0, 0);
    for i in 0..steps {
        let metrics = step.run(&network, &images, &[0, 3], 1e-3).unwrap();
        assert!(metrics.to_vec().unwrap()[0].is_finite());
        if i == steps / 2 {
            after_some = (resident(), gpu.memory().held, gpu.bind_groups());
        }
    }
    let now = (resident(), gpu.memory().held, gpu.bind_groups());
    let grown = now.0.saturating_sub(after_some.0);
    println!(
        "from step {} to {steps}: {grown} bytes more on the host, {} on the device",
        steps / 2,
        now.1 - after_some.1.min(now.1)
    );
    assert!(now.1 <= after_some.1, "the device held {} bytes, now {}", after_some.1, now.1);
    assert_eq!(now.2, after_some.2, "equal steps need no more bind groups");
    // Other tests run meanwhile in `cargo test`.
    assert!(grown < times(200 << 20, 16 << 20) as u64, "{grown} bytes more on the host");
}
