//! A map continued beyond its border, and the adjoint.

use crate::error::{Error, Result};
use crate::gpu::Constant;
use crate::shaders;
use crate::shape::PaddingMode;
use crate::tensor::{Call, Tensor};

/// A map `[n, height, width, channels]` with `padding` rows above and below and columns on either side, as `mode` fills them:
/// `[n, height + 2 py, width + 2 px, channels]`.
///
/// # Errors
/// [`Error::Shape`] for a map that is too small for the mode, [`Error::OutOfMemory`].
pub fn pad(map: &Tensor, padding: [usize; 2], mode: PaddingMode) -> Result<Tensor> {
    let [n, height, width, channels] = mode.check("pad", map.shape(), padding)?;
    let shape = [n, height + 2 * padding[0], width + 2 * padding[1], channels];
    let out = Tensor::uninitialized(map.gpu(), "pad", &shape)?;
    let constants = constants([height, width], channels, padding, mode);
    Call::on(&[map, &out]).constants(&constants).each(&shaders::PAD, out.len())?;
    Ok(out)
}

/// The adjoint of [`pad`], from `[n, height + 2 py, width + 2 px, channels]` to `[n, height, width, channels]`: every value sums
/// those of all places that show it.
///
/// # Errors
/// As [`pad`].
pub fn pad_adjoint(padded: &Tensor, padding: [usize; 2], mode: PaddingMode) -> Result<Tensor> {
    let inner = |high: usize, wide: usize| Some([high.checked_sub(2 * padding[0])?, wide.checked_sub(2 * padding[1])?]);
    let map = match *padded.shape() {
        [n, high, wide, channels] => inner(high, wide).map(|[height, width]| [n, height, width, channels]),
        _ => None,
    };
    let map = map.filter(|map| !map.contains(&0)).ok_or_else(|| {
        Error::shape("pad_adjoint", format!("a map with padding {padding:?} is needed"), &[padded.shape()])
    })?;
    let [_, height, width, channels] = mode.check("pad_adjoint", &map, padding)?;
    let out = Tensor::uninitialized(padded.gpu(), "pad_adjoint", &map)?;
    let constants = constants([height, width], channels, padding, mode);
    Call::on(&[padded, &out]).constants(&constants).each(&shaders::PAD_ADJOINT, out.len())?;
    Ok(out)
}

fn constants([height, width]: [usize; 2], channels: usize, padding: [usize; 2], mode: PaddingMode) -> [Constant; 6] {
    let mode = match mode {
        PaddingMode::Zero => 0,
        PaddingMode::Reflect => 1,
        PaddingMode::Replicate => 2,
        PaddingMode::Circular => 3,
    };
    [
        ("HEIGHT", height),
        ("WIDTH", width),
        ("CHANNELS", channels),
        ("PADDING_Y", padding[0]),
        ("PADDING_X", padding[1]),
        ("MODE", mode),
    ]
    .map(|(name, value)| (name, value as f64))
}
