//! Correlation (analysis), synthesis and their shared weight gradient: one bilinear form
//! `<z, A^T x> = <A z, x>` and its three partial derivatives.
//!
//! Signals of one to three channels, which would leave most of every block of four channels empty, are unfolded into
//! their patches first: then the same kernels run with a kernel of one pixel and `k k channels` channels.

use super::{flag, over};
use crate::error::{Error, Result};
use crate::gpu::{Constant, Schedule};
use crate::shaders::{self, Product};
use crate::shape::ConvShape;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Workgroups that a weight gradient is split into at least, where there are lines enough: all of an adapter's cores are
/// to have work, and every part is one more to store and to add up.
fn workgroups_wanted(schedule: Schedule) -> usize {
    match schedule {
        Schedule::Tiled => 512,
        Schedule::Register => 256,
    }
}

/// Analysis `scale * A^T x`: `[n, h, w, channels]` to `[n, code_h, code_w, atoms]`, with
///
/// `codes[n, i, j, c] = scale * sum x[n, i s + ky - p, j s + kx - p, m] weight[c, ky, kx, m]`
///
/// and `scale` a tensor of one value.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn correlation(x: &Tensor, weight: &Tensor, scale: &Tensor, stride: usize, padding: usize) -> Result<Tensor> {
    let shape = ConvShape::new("correlation", x.shape(), weight.shape(), stride, padding)?;
    check_scale("correlation", scale)?;
    analyse(&shaders::CORRELATION, &shape, x, weight, &[scale], &[])
}

/// Synthesis `scale * A z`, the exact adjoint of [`correlation`]: `[n, code_h, code_w, atoms]` to
/// `[n, height, width, channels]`. `size` is `(height, width)` of the signal.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn synthesis(
    codes: &Tensor,
    weight: &Tensor,
    scale: &Tensor,
    stride: usize,
    padding: usize,
    size: (usize, usize),
) -> Result<Tensor> {
    let shape = shape_of_codes("synthesis", codes, weight, stride, padding, size)?;
    check_scale("synthesis", scale)?;
    synthesise(&shaders::SYNTHESIS, &shape, codes, weight, scale)
}

/// The gradient of `scale * <codes, A^T x>` with respect to the weights: `[atoms, k, k, channels]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn weight_gradient(shape: &ConvShape, codes: &Tensor, x: &Tensor, scale: &Tensor) -> Result<Tensor> {
    if codes.shape() != shape.codes() || x.shape() != shape.signal() {
        let reason = format!("codes {:?} and a signal {:?} are needed", shape.codes(), shape.signal());
        return Err(Error::shape("weight_gradient", reason, &[codes.shape(), x.shape()]));
    }
    check_scale("weight_gradient", scale)?;
    let size = shape.weight();
    if is_narrow(shape) {
        return weight_gradient(&of_patches(shape), codes, &unfold(shape, x)?, scale)?.reshape(&size);
    }
    let gpu = x.gpu();
    let rows = shape.kernel * shape.kernel * shape.channels.next_multiple_of(4);
    let lines = shape.n * shape.code_height();
    let (rows_a_tile, columns_a_tile) = tile(gpu.schedule(), shape.atoms);
    let tiles = rows.div_ceil(rows_a_tile) * shape.atoms.div_ceil(columns_a_tile);
    let lines_a_group = lines.div_ceil(workgroups_wanted(gpu.schedule()).div_ceil(tiles)).max(1);
    let groups = lines.div_ceil(lines_a_group);
    let part = Tensor::uninitialized(gpu, "weight_gradient", &[groups, size.iter().product()])?;
    let constants = [("LINES_A_GROUP", lines_a_group as f64)];
    let tensors = [x, x, codes, codes, &part, scale];
    product(&shaders::WEIGHT_GRADIENT, shape, [groups, rows, shape.atoms], &tensors, &constants)?;
    super::sum_samples::sum_groups(&part, &size)
}

impl Tape {
    /// [`correlation`] with scale 1: the convolution of a convolutional network, without bias.
    ///
    /// # Errors
    /// As [`correlation`].
    pub fn correlation(&self, x: &Var, weight: &Var, stride: usize, padding: usize) -> Result<Var> {
        let one = Tensor::constant(x.value().gpu(), 1.0)?;
        let codes = correlation(x.value(), weight.value(), &one, stride, padding)?;
        let shape = ConvShape::new("correlation", x.value().shape(), weight.value().shape(), stride, padding)?;
        let (saved, w) = (x.saved(), weight.value().clone());
        let (x_tracked, w_tracked) = (x.tracked(), weight.tracked());
        Ok(self.record(codes, &[x, weight], move |g| {
            let x_bar = x_tracked.then(|| synthesis(g, &w, &one, stride, padding, (shape.height, shape.width)));
            let w_bar = w_tracked.then(|| weight_gradient(&shape, g, &saved.get()?, &one));
            Ok(vec![x_bar.transpose()?, w_bar.transpose()?])
        }))
    }

    /// [`synthesis`] with scale 1.
    ///
    /// # Errors
    /// As [`synthesis`].
    pub fn synthesis(
        &self,
        codes: &Var,
        weight: &Var,
        stride: usize,
        padding: usize,
        size: (usize, usize),
    ) -> Result<Var> {
        let one = Tensor::constant(codes.value().gpu(), 1.0)?;
        let signal = synthesis(codes.value(), weight.value(), &one, stride, padding, size)?;
        let shape = ConvShape::new("synthesis", signal.shape(), weight.value().shape(), stride, padding)?;
        let (kept_codes, kept_weight) = (codes.clone(), weight.clone());
        Ok(self.record(signal, &[codes, weight], move |g| {
            let z_bar = kept_codes.tracked().then(|| correlation(g, kept_weight.value(), &one, stride, padding));
            let w_bar = kept_weight.tracked().then(|| weight_gradient(&shape, kept_codes.value(), g, &one));
            Ok(vec![z_bar.transpose()?, w_bar.transpose()?])
        }))
    }
}

/// The sizes of a synthesis from its codes, its weights and the size of its signal.
pub(super) fn shape_of_codes(
    op: &'static str,
    codes: &Tensor,
    weight: &Tensor,
    stride: usize,
    padding: usize,
    (height, width): (usize, usize),
) -> Result<ConvShape> {
    let (&[n, ..], &[_, _, _, channels]) = (codes.shape(), weight.shape()) else {
        let reason = "codes are [n, h, w, atoms], weights [atoms, k, k, channels]";
        return Err(Error::shape(op, reason, &[codes.shape(), weight.shape()]));
    };
    let shape = ConvShape::new(op, &[n, height, width, channels], weight.shape(), stride, padding)?;
    if codes.shape() != shape.codes() {
        let reason = format!("a signal of {height} x {width} has codes {:?}", shape.codes());
        return Err(Error::shape(op, reason, &[codes.shape()]));
    }
    Ok(shape)
}

fn check_scale(op: &'static str, scale: &Tensor) -> Result<()> {
    if scale.len() == 1 { Ok(()) } else { Err(Error::shape(op, "the scale is one value", &[scale.shape()])) }
}

/// Codes from a kernel whose rows are the pixels of the codes and whose columns are the atoms; `more` are the tensors
/// that its epilogue reads.
pub(super) fn analyse(
    kernel: &'static Product,
    shape: &ConvShape,
    signal: &Tensor,
    weight: &Tensor,
    more: &[&Tensor],
    constants: &[Constant],
) -> Result<Tensor> {
    if is_narrow(shape) {
        return analyse(kernel, &of_patches(shape), &unfold(shape, signal)?, weight, more, constants);
    }
    let out = Tensor::uninitialized(signal.gpu(), "codes", &shape.codes())?;
    let tensors = [&[signal, signal, weight, weight, &out], more].concat();
    let rows = shape.n * shape.code_height() * shape.code_width();
    product(kernel, shape, [1, rows, shape.atoms], &tensors, constants)?;
    Ok(out)
}

/// A signal from a kernel whose groups are the phases of the stride, whose rows are pixels and whose columns are
/// channels; `other` is what its epilogue reads.
pub(super) fn synthesise(
    kernel: &'static Product,
    shape: &ConvShape,
    codes: &Tensor,
    weight: &Tensor,
    other: &Tensor,
) -> Result<Tensor> {
    let gpu = codes.gpu();
    if is_narrow(shape) {
        let one = Tensor::constant(gpu, 1.0)?;
        let patches = synthesise(&shaders::SYNTHESIS, &of_patches(shape), codes, weight, &one)?;
        return fold(shape, &patches, other, std::ptr::eq(kernel, &shaders::RESIDUAL));
    }
    let out = Tensor::uninitialized(gpu, "signal", &shape.signal())?;
    let rows = shape.n * shape.height.div_ceil(shape.stride) * shape.width.div_ceil(shape.stride);
    let groups = shape.stride * shape.stride;
    product(kernel, shape, [groups, rows, shape.channels], &[codes, codes, weight, weight, &out, other], &[])?;
    Ok(out)
}

/// Values of a patch up to which unfolding pays: about as many as there are codes at a pixel.
const LARGEST_PATCH: usize = 64;

/// Whether a signal has too few channels for blocks of four, and patches that are not too large to be written down.
fn is_narrow(shape: &ConvShape) -> bool {
    shape.channels < 4 && shape.kernel > 1 && shape.kernel * shape.kernel * shape.channels <= LARGEST_PATCH
}

/// The sizes that are left when the signal has been unfolded. The weights need no change: `[atoms, k, k, channels]` and
/// `[atoms, 1, 1, k k channels]` are the same values in the same order.
fn of_patches(shape: &ConvShape) -> ConvShape {
    ConvShape {
        height: shape.code_height(),
        width: shape.code_width(),
        channels: shape.kernel * shape.kernel * shape.channels,
        kernel: 1,
        stride: 1,
        padding: 0,
        ..*shape
    }
}

/// The patches of a signal: `[n, code_h, code_w, k k channels]`.
fn unfold(shape: &ConvShape, signal: &Tensor) -> Result<Tensor> {
    let out = Tensor::uninitialized(signal.gpu(), "unfold", &of_patches(shape).signal())?;
    let lines = shape.codes()[..3].iter().product::<usize>() * shape.kernel;
    over(signal.gpu(), &shaders::UNFOLD, lines, &sizes(shape), &[signal, &out])?;
    Ok(out)
}

/// The adjoint of [`unfold`], times the one value of `other`, or subtracted from `other`.
fn fold(shape: &ConvShape, patches: &Tensor, other: &Tensor, residual: bool) -> Result<Tensor> {
    let out = Tensor::uninitialized(patches.gpu(), "fold", &shape.signal())?;
    let constants = [&sizes(shape)[..], &[("RESIDUAL", flag(residual))]].concat();
    over(patches.gpu(), &shaders::FOLD, out.len(), &constants, &[patches, other, &out])?;
    Ok(out)
}

/// The sizes as the kernels know them, in `shaders/common/sizes.wgsl`.
fn sizes(shape: &ConvShape) -> [Constant; 10] {
    [
        ("N", shape.n),
        ("HEIGHT", shape.height),
        ("WIDTH", shape.width),
        ("CHANNELS", shape.channels),
        ("ATOMS", shape.atoms),
        ("KERNEL", shape.kernel),
        ("STRIDE", shape.stride),
        ("PADDING", shape.padding),
        ("CODE_HEIGHT", shape.code_height()),
        ("CODE_WIDTH", shape.code_width()),
    ]
    .map(|(name, size)| (name, size as f64))
}

/// Divides `[groups, rows, columns]` into tiles and runs the kernel.
fn product(
    kernel: &'static Product,
    shape: &ConvShape,
    [groups, rows, columns]: [usize; 3],
    tensors: &[&Tensor],
    constants: &[Constant],
) -> Result<()> {
    let gpu = tensors[0].gpu();
    let (rows_a_tile, columns_a_tile) = tile(gpu.schedule(), columns);
    let (row_tiles, column_tiles) = (rows.div_ceil(rows_a_tile), columns.div_ceil(columns_a_tile));
    let tiles = [("GROUPS", groups), ("ROW_TILES", row_tiles), ("COLUMN_TILES", column_tiles)];
    let mut all = [&sizes(shape)[..], &tiles.map(|(name, count)| (name, count as f64)), constants].concat();
    if gpu.schedule() == Schedule::Register {
        all.extend([("COLUMN_BLOCKS", columns_a_tile as f64 / 4.0), ("EIGHT_LANES", flag(gpu.lanes() >= 8))]);
    }
    gpu.count_multiply_adds(shape.multiply_adds());
    gpu.run(kernel.kernel(gpu.schedule()), &all, &super::buffers(tensors), groups * row_tiles * column_tiles)
}

/// Rows and columns of a workgroup's tile, for a product of so many columns.
fn tile(schedule: Schedule, columns: usize) -> (usize, usize) {
    match schedule {
        Schedule::Tiled => (64, 64),
        // As few tiles of up to 64 columns as there must be, and each no wider than it must be.
        Schedule::Register => (32, columns.div_ceil(columns.div_ceil(64)).next_multiple_of(8)),
    }
}
