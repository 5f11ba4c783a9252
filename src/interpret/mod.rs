//! Representative interpretations (Lam et al., "Finding Representative Interpretations on Convolutional Neural Networks",
//! arXiv 2108.06384): which images a network takes to be like a given one, and which parts of them count.
//!
//! A network is split at a stage into features `psi` and a head `G`, which is piecewise affine. Around `psi(x)`, linear pieces of
//! the decision boundary of `G` enclose a set `P(x)`. A few of them are chosen such that `P(x)` holds as many reference images of
//! x's class as possible, and hardly any others. No labels are used: classes are those that the network predicts.
//!
//! | what | where |
//! |---|---|
//! | maps of images behind a stage, and what the network says of them | [`Maps`] |
//! | linear pieces of the decision boundary | [`Boundary`] |
//! | which of them enclose the class and lose the least of it | [`cover`] |
//! | all of it for one image | [`interpret`], [`Interpretation`] |
//! | the images most like it | [`Interpretation::similar`], [`nearest`], [`euclidean`] |
//! | where in an image a boundary looks | [`Interpretation::heat`], [`heat_map`], [`weighted_map`], [`class_gradients`] |
//! | what heat maps are worth | [`keep_hottest`], [`Change`] |
//!
//! What holds for the networks of this crate:
//!
//! - Behind the last stage `G` is a mean and a linear map. Every boundary is then one of at most `classes - 1` hyperplanes, and the
//!   set holds the class and nothing else, which says nothing: [`Interpretation::degenerate`].
//! - Sparse coding layers in `G` are piecewise affine at their lambda; with root noise they are not, and a boundary is then only a
//!   tangent of the network's: [`is_piecewise_affine`].

mod boundary;
mod cover;
mod head;
mod heat;
mod maps;
mod score;
mod similar;

pub use boundary::Boundary;
pub use cover::{Cover, cover};
pub use heat::{class_gradients, heat_map, upsampled, weighted_map};
pub use maps::{Maps, Seen};
pub use score::{Change, keep_hottest};
pub use similar::{Similar, euclidean, nearest};

use rand::seq::SliceRandom;

use crate::data::random::{Purpose, stream};
use crate::error::{Error, Result};
use crate::models::{Architecture, Kind, Network, Stage};
use boundary::{Search, directions};

/// How an image is interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterpretConfig {
    /// Boundaries that are searched for; fewer where fewer reference images are of other classes.
    pub boundaries: usize,
    /// Seed of the reference images that they are searched towards.
    pub seed: u64,
}

impl Default for InterpretConfig {
    /// The 50 boundaries of the paper.
    fn default() -> Self {
        Self { boundaries: 50, seed: 0 }
    }
}

/// An image in the light of reference images.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpretation {
    /// The class that the network predicts.
    pub class: usize,
    /// The boundaries that were found, each turned such that the image lies on its positive side.
    pub boundaries: Vec<Boundary>,
    /// Searches that led to none: they did not converge, or the network is flat where they ended.
    pub lost: usize,
    /// Different directions of the boundaries' normals.
    pub directions: usize,
    /// Whether the interpretation says nothing, since the head is affine as far as the boundaries show: behind the last stage, or
    /// where the normals of several boundaries have no more directions than there are other classes.
    pub degenerate: bool,
    /// Which boundaries enclose the image.
    pub cover: Cover,
    map: Vec<f32>,
    shape: [usize; 3],
}

/// What [`Interpretation::judged`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Images of the class, by prediction.
    pub of_class: usize,
    /// Images inside `P(x)`.
    pub inside: usize,
    /// Images that are both.
    pub both: usize,
}

impl Judged {
    /// The share of the class that lies inside; none where there is no image of the class.
    pub fn coverage(&self) -> Option<f64> {
        (self.of_class > 0).then(|| self.both as f64 / self.of_class as f64)
    }

    /// The share of what lies inside that is of the class; none where nothing lies inside.
    pub fn purity(&self) -> Option<f64> {
        (self.inside > 0).then(|| self.both as f64 / self.inside as f64)
    }
}

/// Whether the head at a stage is piecewise affine: unless it holds sparse coding layers with root noise.
pub fn is_piecewise_affine(network: &Network, stage: Stage) -> bool {
    let config = network.config();
    !(config.root_noise && config.kind == Kind::SdnetAll && stage < Stage::Layer4)
}

/// Interprets an image: finds boundaries between it and random reference images of other classes, and covers its class by them.
///
/// # Errors
/// [`Error::Shape`] for an image whose map is unlike those of the reference images; [`Error::Argument`] without boundaries to search
/// for, where the reference images are all predicted as of one class or none as of the image's, or where no boundary is found that
/// sets an image of another class apart; [`Error::NotFinite`], [`Error::OutOfMemory`].
pub fn interpret(
    network: &Network,
    image: &Seen,
    reference: &Maps,
    config: &InterpretConfig,
) -> Result<Interpretation> {
    if config.boundaries == 0 {
        return Err(Error::argument("boundaries", 0, "at least one is needed"));
    }
    let (same, mut others) = by_class(image, reference)?;
    let class = image.class;
    let count = config.boundaries.min(others.len());
    let mut rng = stream(Purpose::Interpret, config.seed, 0, 0);
    let drawn = others.partial_shuffle(&mut rng, count).0.to_vec();
    others.sort_unstable();

    let towards = drawn.iter().map(|&i| reference.get(i).map).collect::<Vec<_>>();
    let search = Search { network, stage: reference.stage(), class, shape: image.shape, from: image.map };
    let boundaries = search.run(&towards)?;
    let sides = |images: &[usize]| {
        let side = |boundary: &Boundary| images.iter().map(|&i| boundary.holds(reference.get(i).map)).collect();
        boundaries.iter().map(side).collect::<Vec<Vec<bool>>>()
    };
    let cover = cover(&sides(&same), &sides(&others));
    if cover.kept.is_empty() {
        let reason = format!(
            "{} were found, and none sets an image of another class apart: take more, or another stage",
            boundaries.len()
        );
        return Err(Error::argument("boundaries", count, reason));
    }
    let directions = directions(&boundaries);
    let few = directions < image.scores.len() && directions < boundaries.len();
    Ok(Interpretation {
        class,
        lost: count - boundaries.len(),
        directions,
        degenerate: few || reference.stage() == Stage::Layer4,
        boundaries,
        cover,
        map: image.map.to_vec(),
        shape: image.shape,
    })
}

/// The reference images of the image's class, by prediction, and the others: at least one of either.
fn by_class(image: &Seen, reference: &Maps) -> Result<(Vec<usize>, Vec<usize>)> {
    if image.shape != reference.shape() {
        let reason = "the image and the reference images have maps of one shape";
        return Err(Error::shape("interpret", reason, &[&image.shape, &reference.shape()]));
    }
    let (same, others): (Vec<_>, Vec<_>) = (0..reference.len()).partition(|&i| reference.classes()[i] == image.class);
    let refused = |reason: &str| Err(Error::argument("reference", reference.len(), reason));
    match (same.is_empty(), others.is_empty()) {
        (_, true) => {
            refused("all are predicted as of the image's class: there is no boundary to search for; take more")
        }
        (true, _) => refused("none is predicted as of the image's class, so that there is nothing to cover; take more"),
        _ => Ok((same, others)),
    }
}

impl Interpretation {
    /// Mean steps of the searches that found the boundaries.
    pub fn mean_steps(&self) -> f64 {
        self.boundaries.iter().map(|boundary| boundary.steps).sum::<usize>() as f64 / self.boundaries.len() as f64
    }

    /// How many boundaries had the image on the other class's side.
    pub fn turned(&self) -> usize {
        self.boundaries.iter().filter(|boundary| boundary.turned).count()
    }

    /// The boundaries that enclose `P(x)`.
    pub fn kept(&self) -> impl Iterator<Item = &Boundary> {
        self.cover.kept.iter().map(|&kept| &self.boundaries[kept])
    }

    /// Whether a map lies in `P(x)`: on the image's side of all boundaries that are kept.
    pub fn holds(&self, map: &[f32]) -> bool {
        self.kept().all(|boundary| boundary.holds(map))
    }

    /// Counts images inside and outside.
    pub fn judged(&self, images: &Maps) -> Judged {
        let mut judged = Judged { of_class: 0, inside: 0, both: 0 };
        for (i, &class) in images.classes().iter().enumerate() {
            let (of_class, inside) = (class == self.class, self.holds(images.get(i).map));
            judged.of_class += usize::from(of_class);
            judged.inside += usize::from(inside);
            judged.both += usize::from(of_class && inside);
        }
        judged
    }

    /// The semantic distance of a map, the sum of `|<w, psi(x) - psi(x')>|` over the boundaries that are kept.
    pub fn distance(&self, map: &[f32]) -> f64 {
        let along = |boundary: &Boundary| {
            let terms = boundary.normal.iter().zip(&self.map).zip(map);
            terms.map(|((w, a), b)| f64::from(*w) * (f64::from(*a) - f64::from(*b))).sum::<f64>()
        };
        self.kept().map(|boundary| along(boundary).abs()).sum()
    }

    /// The images of `P(x)` at the least semantic distance, the nearest first.
    pub fn similar(&self, images: &Maps, count: usize) -> Vec<Similar> {
        let distance = |i: usize| {
            let map = images.get(i).map;
            self.holds(map).then(|| self.distance(map))
        };
        nearest(images.len(), count, distance)
    }

    /// The mean of the heat maps of the boundaries that are kept, of an image with this map: 0 to 1, `[height, width]`. A channel
    /// weighs what the boundary's normal has in it on average.
    pub fn heat(&self, map: &[f32], size: [usize; 2]) -> Vec<f32> {
        let maps = self.kept().map(|boundary| heat_map(map, self.shape, &boundary.normal, size)).collect::<Vec<_>>();
        let mean = |i: usize| maps.iter().map(|map| map[i]).sum::<f32>() / maps.len() as f32;
        (0..size[0] * size[1]).map(mean).collect()
    }
}
