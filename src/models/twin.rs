//! The wavelet half of a twin stem (arXiv 2212.00394).

use super::config::{ModelConfig, Pool};
use super::resnet::add_pooled_to;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::layers::{BatchNorm, Conv, Filters, Graph, Init, Part, PartMut, Path, Walk};
use crate::shape::Geometry;
use crate::tensor::Tensor;
use crate::wavelets::{ComplexKernel, packet_frequencies, packets};

/// Channels of a stem of width 64 for each packet of two levels, by frequency along x (across) and y (from the highest down). The
/// packets without any see the lowest frequencies, or the border of the plane, and so two ends of it at once.
const OUTPUTS: [[usize; 4]; 8] =
    [[0, 0, 0, 0], [1, 1, 2, 0], [2, 2, 1, 0], [0, 2, 1, 0], [0, 2, 1, 0], [2, 2, 1, 0], [1, 1, 2, 0], [0, 0, 0, 0]];

/// What the filters are called in files that hold graphs.
const FILTERS: &str = "layer0.packets.filters";

/// Packets of the luminance, normalised and pooled. The publication scales every packet by a learned number; a batch norm follows,
/// which undoes all of it but the sign, so that a packet's channels have the signs 1 and -1 instead.
#[derive(Debug)]
pub(super) struct Packets {
    /// Of one channel, from those of the image.
    luminance: Conv,
    filters: Filters,
    norm: BatchNorm,
    pool: Pool,
}

impl Packets {
    pub fn new(gpu: &Gpu, config: &ModelConfig) -> Result<Self> {
        let ModelConfig { width, in_channels, pool, .. } = *config;
        let channels = width * 3 / 8;
        let kernels = kernels(channels);
        let (filters, norm) = match pool.is_modulus() {
            true => (Filters::of_wavelets(gpu, FILTERS, &kernels, (4, true))?, BatchNorm::without_mean(gpu, channels)?),
            false => (Filters::of_wavelets(gpu, FILTERS, &kernels, (2, false))?, BatchNorm::new(gpu, channels)?),
        };
        let weight = Tensor::uninitialized(gpu, "a luminance", &[1, 1, 1, in_channels])?;
        Ok(Self { luminance: Conv { weight, geometry: Geometry::square(1, 0) }, filters, norm, pool })
    }

    /// RMax is filter, batch norm, ReLU and pooling; CMod is the modulus, its norm, and ReLU.
    pub fn add_to<G: Graph>(&self, graph: &mut G, images: &G::Value) -> Result<G::Value> {
        let luminance = graph.conv(&self.luminance, images)?;
        let map = graph.filters(&self.filters, &luminance)?;
        if self.pool.is_modulus() {
            let moduli = graph.modulus(&map)?;
            return graph.batch_norm_relu(&self.norm, &moduli);
        }
        let map = graph.batch_norm_relu(&self.norm, &map)?;
        add_pooled_to(graph, self.pool, &map)
    }
}

/// The filters of so many channels, spread evenly over the 24 of a stem of width 64.
fn kernels(channels: usize) -> Vec<ComplexKernel> {
    let all = packets(2).into_iter().zip(packet_frequencies(2));
    let cell = std::f64::consts::PI / 4.0;
    let outputs = all.flat_map(|(kernel, [x, y])| {
        // Rows from the highest frequency of y down to its negative.
        let (row, column) = (3 - (y / cell).floor() as i64, (x / cell) as usize);
        let sign = |copy: usize| if copy.is_multiple_of(2) { 1.0 } else { -1.0 };
        (0..OUTPUTS[row as usize][column]).map(|copy| kernel.times(sign(copy))).collect::<Vec<_>>()
    });
    let outputs = outputs.collect::<Vec<_>>();
    (0..channels).map(|i| outputs[(2 * i + 1) * outputs.len() / (2 * channels)].clone()).collect()
}

impl Walk for Packets {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        meet(&path.child("luminance.weight"), Part::Parameter(&self.luminance.weight, Init::Luminance));
        self.norm.visit(&path.child("norm"), meet);
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        self.norm.visit_mut(&path.child("norm"), meet);
    }
}
