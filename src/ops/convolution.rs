//! Correlation (analysis), synthesis and their shared weight gradient: one bilinear form
//! `<z, A^T x> = <A z, x>` and its three partial derivatives.

use crate::error::{Error, Result};
use crate::gpu::{Constant, Schedule};
use crate::shaders::{self, Product};
use crate::shape::ConvShape;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Threads that a weight gradient is split into at least, where there are pixels enough.
const THREADS_WANTED: usize = 32_768;

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
    let out = Tensor::uninitialized(x.gpu(), "correlation", &shape.codes())?;
    analyse(&shaders::CORRELATION, &shape, &[x, x, weight, weight, &out, scale], &[])?;
    Ok(out)
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
    let out = Tensor::uninitialized(codes.gpu(), "synthesis", &shape.signal())?;
    synthesise(&shaders::SYNTHESIS, &shape, &[codes, codes, weight, weight, &out, scale])?;
    Ok(out)
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
    let gpu = x.gpu();
    let rows = shape.kernel * shape.kernel * shape.channels.next_multiple_of(4);
    let lines = shape.n * shape.code_height();
    let threads = match gpu.schedule() {
        Schedule::Register => rows.div_ceil(8) * shape.atoms.div_ceil(8) * 16,
        Schedule::Tiled => rows.div_ceil(64) * shape.atoms.div_ceil(64) * 64,
    };
    let lines_a_group = lines.div_ceil(THREADS_WANTED.div_ceil(threads)).max(1);
    let groups = lines.div_ceil(lines_a_group);
    let size = shape.weight();
    let part = Tensor::uninitialized(gpu, "weight_gradient", &[groups, size.iter().product()])?;
    let constants = [("LINES_A_GROUP", lines_a_group as f64)];
    product(&shaders::WEIGHT_GRADIENT, shape, [groups, rows, shape.atoms], &[x, x, codes, codes, &part], &constants)?;
    super::sum_samples::sum_groups(&part, scale, &size)
}

impl Tape {
    /// [`correlation`] with scale 1: the convolution of a convolutional network, without bias.
    ///
    /// # Errors
    /// As [`correlation`].
    pub fn correlation(&self, x: &Var, weight: &Var, stride: usize, padding: usize) -> Result<Var> {
        let one = Tensor::full(x.value().gpu(), &[1], 1.0)?;
        let codes = correlation(x.value(), weight.value(), &one, stride, padding)?;
        let shape = ConvShape::new("correlation", x.value().shape(), weight.value().shape(), stride, padding)?;
        let (kept_x, kept_weight) = (x.clone(), weight.clone());
        Ok(self.record(codes, &[x, weight], move |g| {
            let w = kept_weight.value();
            let x_bar = kept_x.tracked().then(|| synthesis(g, w, &one, stride, padding, (shape.height, shape.width)));
            let w_bar = kept_weight.tracked().then(|| weight_gradient(&shape, g, kept_x.value(), &one));
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
        let one = Tensor::full(codes.value().gpu(), &[1], 1.0)?;
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

/// Runs a kernel whose rows are the pixels of the codes and whose columns are the atoms.
pub(super) fn analyse(
    kernel: &'static Product,
    shape: &ConvShape,
    tensors: &[&Tensor],
    constants: &[Constant],
) -> Result<()> {
    let rows = shape.n * shape.code_height() * shape.code_width();
    product(kernel, shape, [1, rows, shape.atoms], tensors, constants)
}

/// Runs a kernel whose groups are the phases of the stride, whose rows are pixels and whose columns are channels.
pub(super) fn synthesise(kernel: &'static Product, shape: &ConvShape, tensors: &[&Tensor]) -> Result<()> {
    let rows = shape.n * shape.height.div_ceil(shape.stride) * shape.width.div_ceil(shape.stride);
    product(kernel, shape, [shape.stride * shape.stride, rows, shape.channels], tensors, &[])
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
    let (tile, tiles_a_workgroup) = match gpu.schedule() {
        Schedule::Tiled => (64, 1),
        Schedule::Register => (8, 64),
    };
    let (row_tiles, column_tiles) = (rows.div_ceil(tile), columns.div_ceil(tile));
    let sizes = [
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
        ("GROUPS", groups),
        ("ROW_TILES", row_tiles),
        ("COLUMN_TILES", column_tiles),
    ];
    let all = sizes.map(|(name, size)| (name, size as f64)).iter().chain(constants).copied().collect::<Vec<_>>();
    let workgroups = (groups * row_tiles * column_tiles).div_ceil(tiles_a_workgroup);
    gpu.run(kernel.kernel(gpu.schedule()), &all, &super::buffers(tensors), workgroups)
}
