//! Files: read with every length checked; written aside and renamed, so that nothing half-written is left.

#[cfg(feature = "files")]
mod atomic;
#[cfg(feature = "cli")]
mod events;
#[cfg(feature = "files")]
mod npy;
#[cfg(feature = "files")]
mod npy_rows;
#[cfg(feature = "files")]
mod pickled;
#[cfg(feature = "files")]
mod pytorch;
mod safetensors;

#[cfg(feature = "cli")]
pub(crate) use atomic::remove_temporaries;
#[cfg(feature = "files")]
pub use atomic::{check_folder, check_output, check_output_of, create_dir, write_atomic, write_bytes};
#[cfg(feature = "cli")]
pub(crate) use events::{Event, Image, Summary, Value, whole_events};
#[cfg(feature = "files")]
pub(crate) use npy::read_integers;
#[cfg(feature = "files")]
pub use npy::{Array, Values, read_array, read_npy, write_npy};
#[cfg(feature = "files")]
pub(crate) use npy_rows::ByteRows;
#[cfg(feature = "files")]
pub(crate) use pickled::Pickled;
#[cfg(feature = "files")]
pub use pytorch::{PyTorchFile, is_pytorch, parse_pytorch, write_pytorch};
#[cfg(feature = "files")]
pub use safetensors::write_safetensors;
pub use safetensors::{NamedTensors, TensorFile, parse_safetensors, read_safetensors};
