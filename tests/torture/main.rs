//! What must not happen, tried again and again: see docs/reliability.md. `scripts/torture` runs the long form, `cargo test` a
//! short one.

mod allocation;
mod device;
mod disk;
mod growth;
mod kill;
mod mutate;
mod programs;
mod setting;
