//! The head of a network on points of the space of maps.

use crate::checks::check_finite;
use crate::error::Result;
use crate::layers::Pass;
use crate::models::{Model, Network, Stage};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// A network from a stage on, in evaluation, for maps of one shape.
pub(super) struct Head<'a> {
    pub network: &'a Network,
    pub stage: Stage,
    pub shape: [usize; 3],
}

impl Head<'_> {
    /// Class scores `[n, classes]` of maps `[n, height, width, channels]`.
    pub fn scores(&self, maps: &[f32]) -> Result<Vec<f32>> {
        let tape = Tape::idle();
        let map = tape.constant(&self.tensor(maps)?);
        finite(self.network.head_at(&Pass::eval(&tape), self.stage, &map)?.value())
    }

    /// The scores, and the gradient of `<upstream, scores>` with respect to each map.
    pub fn gradient(&self, maps: &[f32], upstream: impl Fn(&[f32]) -> Vec<f32>) -> Result<(Vec<f32>, Vec<f32>)> {
        let tape = Tape::new();
        let map = tape.leaf(&self.tensor(maps)?);
        let output = self.network.head_at(&Pass::eval(&tape).frozen(), self.stage, &map)?;
        let scores = finite(output.value())?;
        let upstream = Tensor::from_slice(self.network.gpu(), output.value().shape(), &upstream(&scores))?;
        let gradient = tape.backward_from(&output, &upstream)?.of("map", &map)?.to_vec()?;
        check_finite("the gradient of the maps", &gradient, "the weights are far outside of what training gives")?;
        Ok((scores, gradient))
    }

    fn tensor(&self, maps: &[f32]) -> Result<Tensor> {
        let [height, width, channels] = self.shape;
        let count = maps.len() / (height * width * channels).max(1);
        Tensor::from_slice(self.network.gpu(), &[count, height, width, channels], maps)
    }
}

fn finite(scores: &Tensor) -> Result<Vec<f32>> {
    let scores = scores.to_vec()?;
    check_finite("the class scores", &scores, "the weights are far outside of what training gives")?;
    Ok(scores)
}
