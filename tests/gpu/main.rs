//! Everything that needs an adapter. The tests share one device and fail, with the hint what to install, where there
//! is none.

mod attack;
mod determinism;
mod golden_csc;
mod golden_networks;
mod golden_robust;
mod golden_trajectory;
mod gradients;
mod harness;
mod networks;
mod parity;
mod robust;
mod support;
mod twin;
