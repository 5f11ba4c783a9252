//! Correlation (analysis), synthesis and their shared weight gradient: one bilinear form
//! `<z, A^T x> = <A z, x>` and its three partial derivatives.
//!
//! Signals of one to three channels, which would leave most of every block of four channels empty, are unfolded into
//! their patches first: then the same kernels run with a kernel of one pixel and `kh kw channels` channels.

use super::flag;
use super::sum_samples::sum_groups;
use crate::error::{Error, Result};
use crate::gpu::Constant;
use crate::shaders::{self, Product};
use crate::shape::{ConvShape, Geometry};
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// What a result is multiplied by: a number, times one value on the device where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Factor<'a> {
    /// The number.
    pub number: f32,
    /// One value on the device, `[1]`.
    pub tensor: Option<&'a Tensor>,
}

impl Factor<'static> {
    /// The result as it is.
    pub const ONE: Self = Self { number: 1.0, tensor: None };
}

impl From<f32> for Factor<'static> {
    fn from(number: f32) -> Self {
        Self { number, tensor: None }
    }
}

impl<'a> From<&'a Tensor> for Factor<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        Self { number: 1.0, tensor: Some(tensor) }
    }
}

impl Factor<'_> {
    /// The value on the device, or the one.
    fn on_device(&self, op: &'static str, like: &Tensor) -> Result<Tensor> {
        match self.tensor {
            Some(tensor) if tensor.len() == 1 => Ok(tensor.clone()),
            Some(tensor) => Err(Error::shape(op, "the factor is one value", &[tensor.shape()])),
            None => Tensor::one(like.gpu()),
        }
    }
}

/// Analysis `A^T x`: `[n, h, w, channels]` to `[n, code_h, code_w, atoms]`, with
///
/// `codes[n, i, j, c] = sum x[n, i s + ky - p, j s + kx - p, m] weight[c, ky, kx, m]`,
///
/// strides `s` and paddings `p` being those of either direction. It is the convolution of convolutional networks.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn correlation(x: &Tensor, weight: &Tensor, geometry: Geometry) -> Result<Tensor> {
    correlation_times(Factor::ONE, x, weight, geometry)
}

/// [`correlation`] times a factor.
///
/// # Errors
/// As [`correlation`].
pub fn correlation_times(factor: Factor, x: &Tensor, weight: &Tensor, geometry: Geometry) -> Result<Tensor> {
    let shape = ConvShape::new("correlation", x.shape(), weight.shape(), geometry)?;
    let scale = factor.on_device("correlation", x)?;
    analyse(&shaders::CORRELATION, &shape, x, weight, &[&scale], &[], &[factor.number])
}

/// Synthesis `A z`, the exact adjoint of [`correlation`]: `[n, code_h, code_w, atoms]` to `[n, height, width, channels]`.
/// `size` is height and width of the signal.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn synthesis(codes: &Tensor, weight: &Tensor, geometry: Geometry, size: [usize; 2]) -> Result<Tensor> {
    synthesis_times(Factor::ONE, codes, weight, geometry, size)
}

/// [`synthesis`] times a factor.
///
/// # Errors
/// As [`synthesis`].
pub fn synthesis_times(
    factor: Factor,
    codes: &Tensor,
    weight: &Tensor,
    geometry: Geometry,
    size: [usize; 2],
) -> Result<Tensor> {
    let shape = shape_of_codes("synthesis", codes, weight, geometry, size)?;
    let scale = factor.on_device("synthesis", codes)?;
    if is_narrow(&shape) {
        return fold(&shape, &patches_of(&shape, codes, weight)?, &scale, factor.number, false);
    }
    synthesise(&shaders::SYNTHESIS, &shape, codes, weight, &scale, &[factor.number])
}

/// `x - A codes`: `[n, height, width, channels]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn residual(x: &Tensor, codes: &Tensor, weight: &Tensor, geometry: Geometry) -> Result<Tensor> {
    let &[_, height, width, _] = x.shape() else {
        return Err(Error::shape("residual", "a signal is [n, height, width, channels]", &[x.shape()]));
    };
    let shape = shape_of_codes("residual", codes, weight, geometry, [height, width])?;
    if x.shape() != shape.signal() {
        return Err(Error::shape("residual", "signal and codes do not fit", &[x.shape(), codes.shape()]));
    }
    if is_narrow(&shape) {
        return fold(&shape, &patches_of(&shape, codes, weight)?, x, 1.0, true);
    }
    synthesise(&shaders::RESIDUAL, &shape, codes, weight, x, &[])
}

/// The gradient of `factor * <codes, A^T x>` with respect to the weights: `[atoms, kh, kw, channels]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn weight_gradient(factor: Factor, shape: &ConvShape, codes: &Tensor, x: &Tensor) -> Result<Tensor> {
    if codes.shape() != shape.codes() || x.shape() != shape.signal() {
        let reason = format!("codes {:?} and a signal {:?} are needed", shape.codes(), shape.signal());
        return Err(Error::shape("weight_gradient", reason, &[codes.shape(), x.shape()]));
    }
    let scale = factor.on_device("weight_gradient", x)?;
    let size = shape.weight();
    if is_narrow(shape) {
        return weight_gradient(factor, &of_patches(shape), codes, &unfold(shape, x)?)?.reshape(&size);
    }
    let gpu = x.gpu();
    let schedule = gpu.schedule();
    let rows = shape.taps() * shape.channels.next_multiple_of(4);
    let lines = shape.n * shape.code_height();
    let tiles = rows.div_ceil(schedule.rows) * shape.atoms.div_ceil((schedule.columns)(shape.atoms));
    let lines_a_group = lines.div_ceil(schedule.workgroups.div_ceil(tiles)).max(1);
    let groups = lines.div_ceil(lines_a_group);
    let part = Tensor::uninitialized(gpu, "weight_gradient", &[groups, size.iter().product()])?;
    let tensors = [x, x, codes, codes, &part, &scale];
    let constants = [("LINES_A_GROUP", lines_a_group as f64)];
    let sizes = [groups, rows, shape.atoms];
    product(&shaders::WEIGHT_GRADIENT, shape, sizes, &tensors, &constants, &[factor.number])?;
    sum_groups(&part, &size)
}

impl Tape {
    /// [`correlation`]: the convolution of a convolutional network, without bias.
    ///
    /// # Errors
    /// As [`correlation`].
    pub fn correlation(&self, x: &Var, weight: &Var, geometry: Geometry) -> Result<Var> {
        let codes = correlation(x.value(), weight.value(), geometry)?;
        let shape = ConvShape::new("correlation", x.value().shape(), weight.value().shape(), geometry)?;
        let (saved, w) = (x.saved(), weight.value().clone());
        let (x_tracked, w_tracked) = (x.tracked(), weight.tracked());
        self.record(codes, &[x, weight], move |g| {
            let x_bar = x_tracked.then(|| synthesis(g, &w, geometry, [shape.height, shape.width]));
            let w_bar = w_tracked.then(|| weight_gradient(Factor::ONE, &shape, g, &saved.get()?));
            Ok(vec![x_bar.transpose()?, w_bar.transpose()?])
        })
    }

    /// [`synthesis`].
    ///
    /// # Errors
    /// As [`synthesis`].
    pub fn synthesis(&self, codes: &Var, weight: &Var, geometry: Geometry, size: [usize; 2]) -> Result<Var> {
        let signal = synthesis(codes.value(), weight.value(), geometry, size)?;
        let shape = ConvShape::new("synthesis", signal.shape(), weight.value().shape(), geometry)?;
        let (kept_codes, kept_weight) = (codes.clone(), weight.clone());
        self.record(signal, &[codes, weight], move |g| {
            let z_bar = kept_codes.tracked().then(|| correlation(g, kept_weight.value(), geometry));
            let w_bar = kept_weight.tracked().then(|| weight_gradient(Factor::ONE, &shape, kept_codes.value(), g));
            Ok(vec![z_bar.transpose()?, w_bar.transpose()?])
        })
    }
}

/// The sizes of a synthesis from its codes, its weights and the size of its signal.
pub(super) fn shape_of_codes(
    op: &'static str,
    codes: &Tensor,
    weight: &Tensor,
    geometry: Geometry,
    [height, width]: [usize; 2],
) -> Result<ConvShape> {
    let (&[n, ..], &[_, _, _, channels]) = (codes.shape(), weight.shape()) else {
        let reason = "codes are [n, h, w, atoms], weights [atoms, kh, kw, channels]";
        return Err(Error::shape(op, reason, &[codes.shape(), weight.shape()]));
    };
    let shape = ConvShape::new(op, &[n, height, width, channels], weight.shape(), geometry)?;
    if codes.shape() != shape.codes() {
        let reason = format!("a signal of {height} x {width} has codes {:?}", shape.codes());
        return Err(Error::shape(op, reason, &[codes.shape()]));
    }
    Ok(shape)
}

/// Codes from a shader whose rows are the pixels of the codes and whose columns are the atoms; `more` are the tensors
/// that its epilogue reads.
pub(super) fn analyse(
    kernel: &'static Product,
    shape: &ConvShape,
    signal: &Tensor,
    weight: &Tensor,
    more: &[&Tensor],
    constants: &[Constant],
    numbers: &[f32],
) -> Result<Tensor> {
    if is_narrow(shape) {
        return analyse(kernel, &of_patches(shape), &unfold(shape, signal)?, weight, more, constants, numbers);
    }
    let out = Tensor::uninitialized(signal.gpu(), "codes", &shape.codes())?;
    let tensors = [&[signal, signal, weight, weight, &out], more].concat();
    let rows = shape.n * shape.code_height() * shape.code_width();
    product(kernel, shape, [1, rows, shape.atoms], &tensors, constants, numbers)?;
    Ok(out)
}

/// A signal from a shader whose groups are the phases of the stride, whose rows are pixels and whose columns are
/// channels; its epilogue reads `other`.
fn synthesise(
    kernel: &'static Product,
    shape: &ConvShape,
    codes: &Tensor,
    weight: &Tensor,
    other: &Tensor,
    numbers: &[f32],
) -> Result<Tensor> {
    let out = Tensor::uninitialized(codes.gpu(), "signal", &shape.signal())?;
    let [down, across] = shape.geometry.stride;
    let rows = shape.n * shape.height.div_ceil(down) * shape.width.div_ceil(across);
    let tensors = [codes, codes, weight, weight, &out, other];
    product(kernel, shape, [down * across, rows, shape.channels], &tensors, &[], numbers)?;
    Ok(out)
}

/// The synthesis of every patch on its own, to be folded into the signal.
fn patches_of(shape: &ConvShape, codes: &Tensor, weight: &Tensor) -> Result<Tensor> {
    let one = Tensor::one(codes.gpu())?;
    synthesise(&shaders::SYNTHESIS, &of_patches(shape), codes, weight, &one, &[1.0])
}

/// Largest patch, in values, for which unfolding pays off: about the number of codes per pixel.
const LARGEST_PATCH: usize = 64;

/// Whether a signal has too few channels for blocks of four, and patches that are small enough to store.
fn is_narrow(shape: &ConvShape) -> bool {
    shape.channels < 4 && shape.taps() > 1 && shape.taps() * shape.channels <= LARGEST_PATCH
}

/// The sizes after unfolding the signal. The weights need no change: `[atoms, kh, kw, channels]` and
/// `[atoms, 1, 1, kh kw channels]` are the same values in the same order.
fn of_patches(shape: &ConvShape) -> ConvShape {
    ConvShape {
        height: shape.code_height(),
        width: shape.code_width(),
        channels: shape.taps() * shape.channels,
        kernel: [1, 1],
        geometry: Geometry::square(1, 0),
        ..*shape
    }
}

/// The patches of a signal: `[n, code_h, code_w, kh kw channels]`.
fn unfold(shape: &ConvShape, signal: &Tensor) -> Result<Tensor> {
    let out = Tensor::uninitialized(signal.gpu(), "unfold", &of_patches(shape).signal())?;
    let lines = shape.codes()[..3].iter().product::<usize>() * shape.kernel[0];
    Call::on(&[signal, &out]).constants(&sizes(shape)).each(&shaders::UNFOLD, lines)?;
    Ok(out)
}

/// The adjoint of [`unfold`], times a number and the one value of `other`, or subtracted from `other`.
fn fold(shape: &ConvShape, patches: &Tensor, other: &Tensor, number: f32, residual: bool) -> Result<Tensor> {
    let out = Tensor::uninitialized(patches.gpu(), "fold", &shape.signal())?;
    let constants = [&sizes(shape)[..], &[("RESIDUAL", flag(residual))]].concat();
    Call::on(&[patches, other, &out])
        .constants(&constants)
        .numbers(std::slice::from_ref(&number))
        .each(&shaders::FOLD, out.len())?;
    Ok(out)
}

/// The sizes as passed to the kernels, in `shaders/common/sizes.wgsl`.
fn sizes(shape: &ConvShape) -> [Constant; 13] {
    let Geometry { stride, padding } = shape.geometry;
    [
        ("N", shape.n),
        ("HEIGHT", shape.height),
        ("WIDTH", shape.width),
        ("CHANNELS", shape.channels),
        ("ATOMS", shape.atoms),
        ("KERNEL_HEIGHT", shape.kernel[0]),
        ("KERNEL_WIDTH", shape.kernel[1]),
        ("STRIDE_Y", stride[0]),
        ("STRIDE_X", stride[1]),
        ("PADDING_Y", padding[0]),
        ("PADDING_X", padding[1]),
        ("CODE_HEIGHT", shape.code_height()),
        ("CODE_WIDTH", shape.code_width()),
    ]
    .map(|(name, size)| (name, size as f64))
}

/// Divides `[groups, rows, columns]` into tiles by the schedule of the device, and runs the kernel.
fn product(
    kernel: &'static Product,
    shape: &ConvShape,
    [groups, rows, columns]: [usize; 3],
    tensors: &[&Tensor],
    constants: &[Constant],
    numbers: &[f32],
) -> Result<()> {
    let gpu = tensors[0].gpu();
    let schedule = gpu.schedule();
    let columns_a_tile = (schedule.columns)(columns);
    let (row_tiles, column_tiles) = (rows.div_ceil(schedule.rows), columns.div_ceil(columns_a_tile));
    let tiles = [("GROUPS", groups), ("ROW_TILES", row_tiles), ("COLUMN_TILES", column_tiles)];
    let tiles = tiles.map(|(name, count)| (name, count as f64));
    let own = (schedule.constants)(columns_a_tile, gpu.lanes());
    let constants = [&sizes(shape)[..], &tiles, constants, &own].concat();
    gpu.count_multiply_adds(shape.multiply_adds());
    Call::on(tensors)
        .constants(&constants)
        .numbers(numbers)
        .workgroups(kernel.kernel(schedule), groups * row_tiles * column_tiles)
}
