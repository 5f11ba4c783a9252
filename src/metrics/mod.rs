//! How good class scores are: accuracy, loss, confusion, precision and recall of every class, calibration, and what chance makes
//! of them. In f64, on the host, from labels and scores alone; nothing here knows networks or devices.
//!
//! What is not defined, such as the recall of a class without an image, is `None`: never 0, never not a number.
//!
//! ```
//! use sdnet::metrics::Judged;
//!
//! # fn main() -> sdnet::Result<()> {
//! // Three images of two classes; the last one is taken for class 0.
//! let judged = Judged::new(&[0, 1, 1], &[2.0, 0.0, 0.0, 1.0, 0.5, 0.0], 2)?;
//! let figures = judged.figures();
//! assert_eq!(figures.confusion.count(1, 0), 1);
//! assert_eq!(figures.classes[1].recall, Some(0.5));
//! assert_eq!(judged.worst_mistakes(24), [2]);
//! # Ok(())
//! # }
//! ```

mod calibration;
mod chance;
mod confusion;
mod figures;
mod judged;

pub use calibration::{BINS, Bin, Calibration};
pub use chance::{Difference, interval};
pub use confusion::{ClassFigures, Confusion, Mistaken};
pub use figures::Figures;
pub use judged::{Judged, Judgement};

/// `part / whole`; nothing where the whole is zero.
fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
