//! Layers with parameters: sparse coding, convolution, batch norm, linear; the graph that they are added to, the pass that goes
//! through them, and the walk over them.
//!
//! Layers are pure: a pass changes nothing but what a training pass is there to change (atoms, step sizes and running
//! statistics, in place on the device), and reads nothing back.

mod batch_norm;
mod conv;
mod csc;
mod filters;
mod graph;
mod linear;
mod measure;
mod pass;
mod power;
mod walk;

pub use batch_norm::{BatchNorm, EPSILON as BATCH_NORM_EPSILON};
pub use conv::Conv;
pub use csc::{Csc, CscConfig};
pub use filters::Filters;
pub use graph::Graph;
pub use linear::Linear;
pub use measure::{Measures, Measuring};
pub use pass::{Hook, Leaves, Pass};
pub use power::PowerVectors;
pub use walk::{Init, Part, PartMut, Path, Walk, batch_norms, parameters, sparse_layers};
