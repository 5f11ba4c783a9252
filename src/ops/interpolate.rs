//! Rows of a table, interpolated between the points of a grid.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// The row of `rows: [points, columns]` at each place of `at: [n]`, linear between the points of `grid: [points]`, which
/// ascend, and constant beyond its ends: `[n, columns]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn interpolate(at: &Tensor, grid: &Tensor, rows: &Tensor) -> Result<Tensor> {
    let (&[samples], &[points], &[_, columns]) = (at.shape(), grid.shape(), rows.shape()) else {
        let reason = "places [n], a grid [points] and a table [points, columns] are needed";
        return Err(Error::shape("interpolate", reason, &[at.shape(), grid.shape(), rows.shape()]));
    };
    if rows.shape()[0] != points || rows.is_empty() {
        let reason = "the table has one row for each of one or more points";
        return Err(Error::shape("interpolate", reason, &[grid.shape(), rows.shape()]));
    }
    let out = Tensor::uninitialized(at.gpu(), "interpolate", &[samples, columns])?;
    let constants = [("POINTS", points as f64), ("COLUMNS", columns as f64)];
    Call::on(&[at, grid, rows, &out]).constants(&constants).each(&shaders::INTERPOLATE, out.len())?;
    Ok(out)
}
