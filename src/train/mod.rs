//! Training and evaluation of classifiers.
//!
//! Threads prepare the images of a batch while the device works, at most three batches ahead; the loss comes back through a
//! short queue, a few steps late, so that the loop never waits for the step just recorded.

mod ahead;
mod average;
mod batches;
mod config;
mod departure;
mod evaluate;
mod memory;
mod progress;
mod state;
mod step;
mod trainer;
mod words;

pub use config::{Keep, Start, TrainConfig};
pub use departure::Departure;
pub(crate) use evaluate::filled_batch;
pub use evaluate::{check_fit, evaluate, evaluate_with};
pub use memory::{Purpose, largest_batch, largest_batch_by_buffer};
pub use progress::{EpochRecord, Progress, Tally};
pub use state::State;
pub use step::TrainStep;
pub use trainer::{Event, Trainer};

/// Steps that may be in flight before the loop waits for the first of them.
pub(crate) const STEPS_IN_FLIGHT: usize = 3;
