//! Maps put together channel by channel.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// Copies `count` channels from channel `from` on to channel `to` on.
fn copy_channels(input: &Tensor, out: &Tensor, [from, to, count]: [usize; 3]) -> Result<()> {
    let last = |tensor: &Tensor| tensor.shape().last().copied().unwrap_or(1);
    let constants =
        [("CHANNELS", count), ("INPUT_CHANNELS", last(input)), ("OUT_CHANNELS", last(out)), ("FROM", from), ("TO", to)]
            .map(|(name, value)| (name, value as f64));
    Call::on(&[input, out]).constants(&constants).each(&shaders::COPY_CHANNELS, input.len() / last(input) * count)
}

impl Tape {
    /// The channels of `a`, then those of `b`: `[.., c]` and `[.., d]` to `[.., c + d]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ but for the last axis, [`Error::OutOfMemory`].
    pub fn concatenate(&self, a: &Var, b: &Var) -> Result<Var> {
        let shapes = [a.value().shape().to_vec(), b.value().shape().to_vec()];
        let (Some((&c, before)), Some((&d, other))) = (shapes[0].split_last(), shapes[1].split_last()) else {
            return Err(Error::shape("concatenate", "needs channels", &[&shapes[0], &shapes[1]]));
        };
        if before != other || c == 0 || d == 0 {
            let reason = "the maps must be of the same size, with at least one channel each";
            return Err(Error::shape("concatenate", reason, &[&shapes[0], &shapes[1]]));
        }
        let out = Tensor::uninitialized(a.value().gpu(), "concatenate", &[before, &[c + d]].concat())?;
        copy_channels(a.value(), &out, [0, 0, c])?;
        copy_channels(b.value(), &out, [0, c, d])?;
        let wanted = [a.tracked(), b.tracked()];
        self.record(out, &[a, b], move |g| {
            let part = |place: usize, [from, count]: [usize; 2]| {
                let bar = Tensor::uninitialized(g.gpu(), "concatenate_gradient", &shapes[place])?;
                copy_channels(g, &bar, [from, 0, count])?;
                Ok(bar)
            };
            let of = |place: usize, range| wanted[place].then(|| part(place, range)).transpose();
            Ok(vec![of(0, [0, c])?, of(1, [c, d])?])
        })
    }
}
