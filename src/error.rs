//! The crate's only error type. Every message names the thing that is wrong and what to do about it.

use std::path::{Path, PathBuf};

/// `std::result::Result` with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter that WebGPU can use, or none with the requested name.
    #[error("no usable GPU adapter{}: {available}\n{hint}", .wanted.as_ref().map(|w| format!(" named {w:?}")).unwrap_or_default())]
    NoAdapter {
        /// The name or index asked for, if any.
        wanted: Option<String>,
        /// What is available instead.
        available: String,
        /// Which package to install on this system.
        hint: String,
    },
    /// The adapter refused to open a device.
    #[error("adapter {adapter} did not open a device: {reason}")]
    Device {
        /// Adapter name.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// The device is gone (driver reset, unplugged, or timed out); nothing computed since is valid.
    #[error("the device {adapter} was lost: {reason}; start again from the last saved weights")]
    DeviceLost {
        /// Adapter name.
        adapter: String,
        /// The driver's message.
        reason: String,
    },
    /// A buffer could not be created, or exceeds a device limit.
    #[error(
        "out of device memory on {adapter}: asked for {bytes} bytes for {what}, {limit}; use a smaller batch or image"
    )]
    OutOfMemory {
        /// Adapter name.
        adapter: String,
        /// What the buffer was for.
        what: String,
        /// Bytes asked for.
        bytes: u64,
        /// The limit that was hit, in words.
        limit: String,
    },
    /// A dispatch or a kernel asked for more than a device limit.
    #[error("{op} needs {needed} {what}, but {adapter} allows {limit}")]
    Limit {
        /// The op.
        op: &'static str,
        /// What is limited.
        what: &'static str,
        /// How much was asked for.
        needed: u64,
        /// How much is available.
        limit: u64,
        /// Adapter name.
        adapter: String,
    },
    /// A kernel was refused by the driver: always a bug in this crate or in the driver.
    #[error("kernel {kernel} failed on {adapter}: {reason}; please report this")]
    Kernel {
        /// The kernel's file stem.
        kernel: String,
        /// Adapter name.
        adapter: String,
        /// The validator's message.
        reason: String,
    },
    /// Shapes that do not fit the op.
    #[error("{op}: {reason} (got {})", join(.shapes))]
    Shape {
        /// The op.
        op: &'static str,
        /// What must hold.
        reason: String,
        /// The shapes that were given.
        shapes: Vec<Vec<usize>>,
    },
    /// An argument outside its range.
    #[error("{}: {reason}", with_value(.name, .value))]
    Argument {
        /// Name of the argument or flag.
        name: &'static str,
        /// What was given; empty for a flag that takes no value.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// A value that is not finite where only finite values make sense.
    #[error("{what}: a value is not finite ({value} at index {index}); {hint}")]
    NotFinite {
        /// What was checked.
        what: String,
        /// The value.
        value: f32,
        /// Its flat index.
        index: usize,
        /// What to do.
        hint: String,
    },
    /// A label that is not one of the classes.
    #[error("label {label} of sample {index} is out of range: the model has {classes} classes")]
    Label {
        /// The label.
        label: u32,
        /// Index of the sample.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
    /// Images of a class that the network does not know.
    #[error(
        "{data} has images of class {class:?}, which the network does not know: its classes are {known}; rename the class, or leave its images out"
    )]
    Classes {
        /// The data.
        data: String,
        /// The class.
        class: String,
        /// The classes of the network.
        known: String,
    },
    /// A value that was recorded on one tape and used on another.
    #[error("a value of another tape is used here: record it on this tape, or take it as a constant")]
    OtherTape,
    /// A parameter that the loss does not depend on.
    #[error("parameter {name} received no gradient: the loss does not depend on it")]
    NoGradient {
        /// Name of the parameter.
        name: String,
    },
    /// A file that could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// A file with unexpected content.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// A tensor that is missing from a weights file, unexpected, or of another shape.
    #[error("{path}: tensor {name}: {reason}")]
    Weights {
        /// The file.
        path: PathBuf,
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// [`Error::Io`] for `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// [`Error::File`] for `path`.
    pub fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// [`Error::Shape`] of `op`.
    pub fn shape(op: &'static str, reason: impl Into<String>, shapes: &[&[usize]]) -> Self {
        Self::Shape { op, reason: reason.into(), shapes: shapes.iter().map(|s| s.to_vec()).collect() }
    }

    /// [`Error::Argument`].
    pub fn argument(name: &'static str, value: impl ToString, reason: impl Into<String>) -> Self {
        Self::Argument { name, value: value.to_string(), reason: reason.into() }
    }
}

/// `name = value`, or the name alone.
fn with_value(name: &str, value: &str) -> String {
    if value.is_empty() { name.to_owned() } else { format!("{name} = {value}") }
}

fn join(shapes: &[Vec<usize>]) -> String {
    shapes.iter().map(|s| format!("{s:?}")).collect::<Vec<_>>().join(" and ")
}
