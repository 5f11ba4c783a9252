//! Arrays of `f32` on the device, and kernels that run over them.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::{Buffer, Constant, Dispatch, Gpu, Kernel, Pending};
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
    /// A tensor whose values are undefined until a kernel writes them; `what` names it in an out-of-memory error.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn uninitialized(gpu: &Gpu, what: &str, shape: &[usize]) -> Result<Self> {
        let bytes = (shape.iter().product::<usize>() * size_of::<f32>()) as u64;
        Ok(Self { gpu: gpu.clone(), shape: shape.to_vec(), buffer: Arc::new(gpu.buffer(what, bytes)?) })
    }

    /// A tensor with these values, in row-major order.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values is not the product of the shape, [`Error::OutOfMemory`].
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
        Call::on(&[&out]).numbers(&[value]).each_four(&shaders::FILL, out.len())?;
        Ok(out)
    }

    /// The value 1, made once for each device and shared. Nobody may write to it.
    pub(crate) fn one(gpu: &Gpu) -> Result<Self> {
        Ok(Self { gpu: gpu.clone(), shape: vec![1], buffer: gpu.one()? })
    }

    /// Replaces the values, in row-major order. Clones share the new values.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values differs, or whatever the device has reported.
    pub fn write(&self, values: &[f32]) -> Result<()> {
        if values.len() != self.len() {
            return Err(Error::shape(
                "write",
                format!("{} values do not fill the shape", values.len()),
                &[&self.shape],
            ));
        }
        self.gpu.overwrite(&self.buffer, values)
    }

    /// Identifies the values among all live tensors: clones and reshaped tensors share it.
    pub fn id(&self) -> u64 {
        self.buffer.id()
    }

    /// The device that holds the tensor.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// The sizes, the outermost dimension first.
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
    /// [`Error::Shape`] if the number of values differs.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self> {
        if shape.iter().product::<usize>() != self.len() {
            return Err(Error::shape("reshape", "the number of values must not change", &[&self.shape, shape]));
        }
        Ok(Self { shape: shape.to_vec(), ..self.clone() })
    }

    /// The values; blocks until the device has computed them.
    ///
    /// # Errors
    /// Whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn to_vec(&self) -> Result<Vec<f32>> {
        self.read()?.wait()
    }

    /// [`Tensor::to_vec`] for programs that must not block.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub async fn to_vec_async(&self) -> Result<Vec<f32>> {
        self.read()?.received().await
    }

    /// Starts to read the values without waiting for the device.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is no room for the copy.
    pub fn read(&self) -> Result<Pending> {
        self.gpu.read(&self.buffer, self.len())
    }

    /// `self + other`, elementwise.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ.
    pub fn add(&self, other: &Tensor) -> Result<Self> {
        same_shape("add", self, other)?;
        let out = Self::uninitialized(&self.gpu, "add", &self.shape)?;
        Call::on(&[self, other, &out]).each_four(&shaders::ADD, self.len())?;
        Ok(out)
    }

    /// A copy of `count` samples from `first` on; the first dimension counts samples.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are not that many, [`Error::OutOfMemory`].
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
    /// [`Error::Shape`] if they do not fit.
    pub fn set_samples(&self, first: usize, part: &Tensor) -> Result<()> {
        let count = part.shape.first().copied().unwrap_or(0);
        let size = self.sample_size(first + count)?;
        if part.shape.get(1..) != self.shape.get(1..) {
            return Err(Error::shape("set_samples", "samples must have the same shape", &[&self.shape, &part.shape]));
        }
        self.gpu.copy((&part.buffer, 0), (&self.buffer, (first * size) as u64), (count * size) as u64);
        Ok(())
    }

    /// Bytes of a sample; an error if there are fewer samples.
    fn sample_size(&self, count: usize) -> Result<usize> {
        match self.shape.first() {
            Some(&n) if n > 0 && count <= n => Ok(self.len() / n * size_of::<f32>()),
            _ => Err(Error::shape("samples", format!("there are fewer than {count} samples"), &[&self.shape])),
        }
    }
}

/// One run of a kernel over tensors: this crate's own, or a program's ([`Kernel::new`]).
///
/// `Call::on(&[&a, &out]).numbers(&[0.5]).each(&KERNEL, len)` binds `a` and `out` in this order.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    tensors: &'a [&'a Tensor],
    constants: &'a [Constant],
    numbers: &'a [f32],
}

impl<'a> Call<'a> {
    /// A run on these tensors, in the order of the kernel's bindings.
    pub fn on(tensors: &'a [&'a Tensor]) -> Self {
        Self { tensors, constants: &[], numbers: &[] }
    }

    /// Sets the kernel's `override` constants: sizes and kinds. Each set of values compiles a pipeline.
    pub fn constants(self, constants: &'a [Constant]) -> Self {
        Self { constants, ..self }
    }

    /// Sets the numbers that change from call to call, in the order of the kernel's struct `Numbers`.
    pub fn numbers(self, numbers: &'a [f32]) -> Self {
        Self { numbers, ..self }
    }

    /// Runs a kernel over `len` elements, one thread each ([`shaders::EACH`]); in WGSL `len` is `LENGTH`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the tensors are not of one device, [`Error::Kernel`], [`Error::Limit`].
    pub fn each(self, kernel: &'static Kernel, len: usize) -> Result<()> {
        self.with_length(kernel, len, len.div_ceil(64))
    }

    /// [`Call::each`] for a kernel whose threads work on four of the `len` values each.
    ///
    /// # Errors
    /// As [`Call::each`].
    pub fn each_four(self, kernel: &'static Kernel, len: usize) -> Result<()> {
        self.each(kernel, len.div_ceil(4))
    }

    /// Runs a kernel over this many groups, one workgroup each ([`shaders::EACH_GROUP`]); in WGSL their number is `LENGTH`.
    ///
    /// # Errors
    /// As [`Call::each`].
    pub fn each_group(self, kernel: &'static Kernel, groups: usize) -> Result<()> {
        self.with_length(kernel, groups, groups)
    }

    fn with_length(self, kernel: &'static Kernel, len: usize, workgroups: usize) -> Result<()> {
        let constants = [&[("LENGTH", len as f64)], self.constants].concat();
        Call { constants: &constants, ..self }.workgroups(kernel, workgroups)
    }

    /// Runs this many workgroups of a kernel.
    ///
    /// # Errors
    /// As [`Call::each`].
    pub fn workgroups(self, kernel: &'static Kernel, workgroups: usize) -> Result<()> {
        let Some(first) = self.tensors.first() else {
            return Err(Error::shape(kernel.name(), "a kernel binds at least one tensor", &[]));
        };
        if self.tensors.iter().any(|t| !t.gpu.same_device(&first.gpu)) {
            let shapes = self.tensors.iter().map(|t| t.shape()).collect::<Vec<_>>();
            return Err(Error::shape(kernel.name(), "all tensors must be on one device", &shapes));
        }
        let buffers = self.tensors.iter().map(|t| &*t.buffer).collect::<Vec<_>>();
        let (constants, numbers) = (self.constants, self.numbers);
        first.gpu.run(&Dispatch { kernel, constants, numbers, buffers: &buffers, workgroups })
    }
}

/// # Errors
/// [`Error::Shape`] if the shapes differ.
pub(crate) fn same_shape(op: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.shape() != b.shape() {
        return Err(Error::shape(op, "both must have the same shape", &[a.shape(), b.shape()]));
    }
    Ok(())
}

/// `[n, c, h, w]` to `[n, h, w, c]`.
///
/// # Errors
/// [`Error::Shape`] unless there are four dimensions that match the values.
pub fn nchw_to_nhwc<T: Copy>(shape: &[usize], values: &[T]) -> Result<Vec<T>> {
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

fn four<'a, T>(op: &'static str, shape: &'a [usize], values: &[T]) -> Result<&'a [usize; 4]> {
    let wrong = || Error::shape(op, format!("needs four dimensions that hold {} values", values.len()), &[shape]);
    let dims: &[usize; 4] = shape.try_into().map_err(|_| wrong())?;
    if dims.iter().product::<usize>() == values.len() { Ok(dims) } else { Err(wrong()) }
}

/// `n` matrices `[rows, columns]` to `[columns, rows]`.
fn transpose<T: Copy>(n: usize, rows: usize, columns: usize, values: &[T]) -> Vec<T> {
    let mut out = Vec::with_capacity(values.len());
    for i in 0..n {
        let matrix = &values[i * rows * columns..(i + 1) * rows * columns];
        for c in 0..columns {
            out.extend((0..rows).map(|r| matrix[r * columns + c]));
        }
    }
    out
}
