//! Arrays of `f32` on the device.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{Buffer, Gpu, Pending};
use crate::shaders;

/// A contiguous array of `f32` on the device. Maps are `[n, height, width, channels]`, weights
/// `[atoms, k, k, channels]`. Cloning shares the values.
#[derive(Clone, Debug)]
pub struct Tensor {
    gpu: Gpu,
    shape: Vec<usize>,
    buffer: Arc<Buffer>,
}

impl Tensor {
    /// A tensor whose values are yet to be written by a kernel.
    pub(crate) fn uninitialized(gpu: &Gpu, what: &str, shape: &[usize]) -> Result<Self> {
        let bytes = (shape.iter().product::<usize>() * size_of::<f32>()) as u64;
        Ok(Self { gpu: gpu.clone(), shape: shape.to_vec(), buffer: Arc::new(gpu.buffer(what, bytes)?) })
    }

    /// A tensor with these values, in row-major order.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of values is not the product of the shape, [`Error::OutOfMemory`].
    pub fn from_slice(gpu: &Gpu, shape: &[usize], values: &[f32]) -> Result<Self> {
        if shape.iter().product::<usize>() != values.len() {
            let reason = format!("{} values do not fill the shape", values.len());
            return Err(Error::shape("from_slice", reason, &[shape]));
        }
        Ok(Self { gpu: gpu.clone(), shape: shape.to_vec(), buffer: Arc::new(gpu.upload("a tensor", values)?) })
    }

    /// A tensor of equal values.
    ///
    /// # Errors
    /// As [`Tensor::from_slice`].
    pub fn full(gpu: &Gpu, shape: &[usize], value: f32) -> Result<Self> {
        let out = Self::uninitialized(gpu, "a tensor", shape)?;
        let len = out.len().div_ceil(4);
        gpu.run(
            &shaders::FILL,
            &[("LENGTH", len as f64), ("VALUE", f64::from(value))],
            &[&out.buffer],
            len.div_ceil(64),
        )?;
        Ok(out)
    }

    /// A tensor of one value that is made once for each device and shared, for factors such as 1 and -1. Nobody may write
    /// to it.
    pub(crate) fn constant(gpu: &Gpu, value: f32) -> Result<Self> {
        Ok(Self { gpu: gpu.clone(), shape: vec![1], buffer: gpu.constant(value)? })
    }

    /// The device that holds the tensor.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The sizes, slowest first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same values under another shape.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of values differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        if shape.iter().product::<usize>() != self.len() {
            return Err(Error::shape("reshape", "the number of values must stay", &[&self.shape, shape]));
        }
        Ok(Self { shape: shape.to_vec(), ..self.clone() })
    }

    /// The values, once the device has computed them.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        self.read()?.wait()
    }

    /// Starts to read the values without waiting for the device.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where there is no room for the copy.
    pub fn read(&self) -> Result<Pending> {
        self.gpu.read(&self.buffer, self.len())
    }

    /// `self + other`, elementwise.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes differ.
    pub fn add(&self, other: &Tensor) -> Result<Self> {
        same_shape("add", self, other)?;
        let out = Self::uninitialized(&self.gpu, "add", &self.shape)?;
        let len = self.len().div_ceil(4);
        self.gpu.run(
            &shaders::ADD,
            &[("LENGTH", len as f64)],
            &[&self.buffer, &other.buffer, &out.buffer],
            len.div_ceil(64),
        )?;
        Ok(out)
    }

    /// A copy of `count` samples from `first` on; the first dimension counts samples.
    ///
    /// # Errors
    /// [`Error::Shape`] where there are not so many, [`Error::OutOfMemory`].
    pub fn samples(&self, first: usize, count: usize) -> Result<Self> {
        let mut shape = self.shape.clone();
        let size = self.sample_size(first + count)?;
        shape[0] = count;
        let out = Self::uninitialized(&self.gpu, "samples", &shape)?;
        self.gpu.copy((&self.buffer, (first * size) as u64), (&out.buffer, 0), (count * size) as u64);
        Ok(out)
    }

    /// Overwrites the samples from `first` on with those of `part`.
    ///
    /// # Errors
    /// [`Error::Shape`] where they do not fit.
    pub fn set_samples(&self, first: usize, part: &Tensor) -> Result<()> {
        let count = part.shape.first().copied().unwrap_or(0);
        let size = self.sample_size(first + count)?;
        if part.shape.get(1..) != self.shape.get(1..) {
            return Err(Error::shape("set_samples", "samples must have one shape", &[&self.shape, &part.shape]));
        }
        self.gpu.copy((&part.buffer, 0), (&self.buffer, (first * size) as u64), (count * size) as u64);
        Ok(())
    }

    /// Bytes of a sample, where there are at least so many samples.
    fn sample_size(&self, count: usize) -> Result<usize> {
        match self.shape.first() {
            Some(&n) if n > 0 && count <= n => Ok(self.len() / n * size_of::<f32>()),
            _ => Err(Error::shape("samples", format!("there are not {count} samples"), &[&self.shape])),
        }
    }

    pub(crate) fn buffer(&self) -> &Buffer {
        &self.buffer
    }
}

/// # Errors
/// [`Error::Shape`] where the shapes differ.
pub(crate) fn same_shape(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.shape() != b.shape() {
        return Err(Error::shape(op, "both must have one shape", &[a.shape(), b.shape()]));
    }
    Ok(())
}

/// `[n, c, h, w]` to `[n, h, w, c]`.
///
/// # Errors
/// [`Error::Shape`] unless there are four dimensions that the values fill.
pub fn nchw_to_nhwc(shape: &[usize], values: &[f32]) -> Result<Vec<f32>> {
    let &[n, c, h, w] = four("nchw_to_nhwc", shape, values)?;
    Ok(transpose(n, c, h * w, values))
}

/// `[n, h, w, c]` to `[n, c, h, w]`.
///
/// # Errors
/// As [`nchw_to_nhwc`].
pub fn nhwc_to_nchw(shape: &[usize], values: &[f32]) -> Result<Vec<f32>> {
    let &[n, h, w, c] = four("nhwc_to_nchw", shape, values)?;
    Ok(transpose(n, h * w, c, values))
}

fn four<'a>(op: &'static str, shape: &'a [usize], values: &[f32]) -> Result<&'a [usize; 4]> {
    let wrong = || Error::shape(op, format!("four dimensions that {} values fill are needed", values.len()), &[shape]);
    let dims: &[usize; 4] = shape.try_into().map_err(|_| wrong())?;
    if dims.iter().product::<usize>() == values.len() { Ok(dims) } else { Err(wrong()) }
}

/// `n` matrices `[rows, columns]` to `[columns, rows]`.
fn transpose(n: usize, rows: usize, columns: usize, values: &[f32]) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for i in 0..n {
        let matrix = &values[i * rows * columns..(i + 1) * rows * columns];
        for c in 0..columns {
            out.extend((0..rows).map(|r| matrix[r * columns + c]));
        }
    }
    out
}
