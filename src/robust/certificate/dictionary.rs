//! A layer's dictionary as a matrix, one column for every code, of which only those asked for are made.

use nalgebra::DMatrix;

use crate::error::Result;
use crate::layers::{Csc, CscConfig};
use crate::reference::csc::CscTwin;
use crate::reference::soft_threshold::ProxTwin;
use crate::shape::ConvShape;

/// Columns that are made together.
const AT_ONCE: usize = 32;

/// The dictionary `A` of a layer for signals of one size, in f64.
pub(super) struct Dictionary {
    /// Sizes of one sample.
    shape: ConvShape,
    weight: Vec<f64>,
    twin: CscTwin,
    /// The norm of each atom, away from the border.
    norms: Vec<f64>,
    /// No column is longer.
    pub longest: f64,
}

impl Dictionary {
    pub fn new(layer: &Csc, shape: ConvShape) -> Result<Self> {
        let CscConfig { mu, non_negative, padding_mode, .. } = *layer.config();
        let twin = CscTwin {
            iterations: 1,
            step: 1.0,
            lambda: vec![0.0],
            prox: ProxTwin { mu: mu.into(), non_negative },
            momentum: true,
            gradient_at_code: false,
            root_noise: false,
            padding_mode,
        };
        let weight = layer.weight().to_vec()?.into_iter().map(f64::from).collect::<Vec<_>>();
        let norm = |atom: &[f64]| atom.iter().map(|w| w * w).sum::<f64>().sqrt();
        let norms = weight.chunks_exact(weight.len() / shape.atoms).map(norm).collect::<Vec<_>>();
        // Padding may show a value several times.
        let longest = norms.iter().copied().fold(0.0, f64::max) * layer.most_copies().sqrt();
        Ok(Self { shape: ConvShape { n: 1, ..shape }, weight, twin, norms, longest })
    }

    /// `A^T x`.
    pub fn analysis(&self, signal: &[f64]) -> Vec<f64> {
        self.twin.analysis(&self.shape, signal, &self.weight)
    }

    /// `A z`.
    pub fn synthesis(&self, codes: &[f64]) -> Vec<f64> {
        self.twin.synthesis(&self.shape, codes, &self.weight)
    }

    /// Values of a signal, and of its codes.
    pub fn size(&self) -> [usize; 2] {
        [self.shape.signal(), self.shape.codes()].map(|dims| dims.iter().product())
    }

    /// The columns of these codes.
    pub fn atoms(&self, places: &[usize]) -> DMatrix<f64> {
        let [signal, codes] = self.size();
        let mut columns = Vec::with_capacity(signal * places.len());
        for places in places.chunks(AT_ONCE) {
            let mut unit = vec![0.0; codes * places.len()];
            places.iter().enumerate().for_each(|(i, place)| unit[i * codes + place] = 1.0);
            columns.extend(self.twin.synthesis(&ConvShape { n: places.len(), ..self.shape }, &unit, &self.weight));
        }
        DMatrix::from_vec(signal, places.len(), columns)
    }

    /// The mutual coherence, the largest cosine between two atoms, as far as one of them lies at the centre; for signals that
    /// are larger than two atoms that is the coherence of all that do not reach over the border.
    pub fn coherence(&self) -> f64 {
        let [_, height, width, atoms] = self.shape.codes();
        let first = (height / 2 * width + width / 2) * atoms;
        let cosines = (first..first + atoms).flat_map(|place| {
            let products = self.analysis(self.atoms(&[place]).as_slice());
            let cosine = move |(other, product): (usize, f64)| {
                (other != place).then(|| product.abs() / (self.norms[place % atoms] * self.norms[other % atoms]))
            };
            products.into_iter().enumerate().filter_map(cosine)
        });
        cosines.fold(0.0, f64::max)
    }
}
