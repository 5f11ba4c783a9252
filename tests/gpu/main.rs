//! Everything that needs an adapter. The tests share one device. Without an adapter they fail with a hint on what to
//! install.

mod attack;
mod certificate;
mod determinism;
mod embedding;
mod golden_csc;
mod golden_networks;
mod golden_options;
mod golden_robust;
mod golden_trajectory;
mod gradients;
mod harness;
mod interpret;
mod memory;
mod networks;
mod parity;
mod profile;
mod robust;
mod stems;
mod streaming;
mod support;
mod training;
mod twin;
mod visualize;
