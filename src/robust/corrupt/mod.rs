//! Corruptions of images, seeded, on the host: 8-bit pixels to 8-bit pixels, before any normalisation.
//!
//! With `v = pixel / 255` and independent draws for every value (of every channel):
//!
//! | noise | becomes | level | levels |
//! |---|---|---|---|
//! | `gaussian` | `v + level * N(0, 1)` | standard deviation | 0.02, 0.04 .. 0.20 |
//! | `shot` | `Poisson(level * v) / level` | photons of a white pixel: *less is worse* | 60, 54 .. 6 |
//! | `speckle` | `v + level * v * N(0, 1)` | standard deviation, relative | 0.1, 0.2 .. 0.6 |
//! | `impulse` | 0 or 1, each with probability `level / 2` | share of values lost | 0.03, 0.06 .. 0.27 |
//! | `occlusion` | 0 within a square of side `2 * level + 1` somewhere in the image | half-size in pixels | 1, 2, 4, 6, 8 |
//!
//! clipped to [0, 1] and rounded to the nearest of 256 values. Gaussian noise is *added*, whatever is there;
//! shot and speckle noise scale with the signal and leave an empty background empty.
//!
//! The other kinds have severities, 1 to 5, for levels: blurs (`defocus-blur`, `glass-blur`, `motion-blur`, `zoom-blur`), weather
//! (`snow`, `frost`, `fog`), and what cameras and files do (`brightness`, `contrast`, `elastic`, `pixelate`, `jpeg`). With Gaussian,
//! shot and impulse noise they are the fifteen of CIFAR-10-C (Hendrycks and Dietterich, arXiv 1903.12261), by the definitions and
//! constants of `ImageNet-C/create_c/make_cifar_c.py` in the authors' repository `hendrycks/robustness`, which are for images of 32
//! pixels a side: on larger ones blurs are milder. They differ in this:
//!
//! - values are rounded to the nearest byte, there they are rounded down;
//! - frost is made of clouds, there it is photographs of frost;
//! - images may be of any size, and grey.
//!
//! [`Kind::severities`] are the five strengths of CIFAR-10-C. It has no occlusion; the five levels are used instead.

mod blur;
mod digital;
#[cfg(test)]
mod golden;
mod noise;
pub(super) mod plane;
mod weather;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::data::random::{Purpose, stream};
use crate::data::{Dataset, parallel};
use crate::error::{Error, Result};
use crate::named::named;
use plane::Plane;

/// A kind of corruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Added normal noise.
    Gaussian,
    /// Poisson noise of counted photons.
    Shot,
    /// Multiplied normal noise.
    Speckle,
    /// Salt and pepper.
    Impulse,
    /// A black square.
    Occlusion,
    /// A lens out of focus.
    DefocusBlur,
    /// Frosted glass.
    GlassBlur,
    /// A camera that moves.
    MotionBlur,
    /// A lens that zooms.
    ZoomBlur,
    /// Falling snow.
    Snow,
    /// Frost on the lens.
    Frost,
    /// Fog.
    Fog,
    /// More light.
    Brightness,
    /// Less contrast.
    Contrast,
    /// An image on rubber.
    Elastic,
    /// Large pixels.
    Pixelate,
    /// A JPEG file of low quality.
    Jpeg,
}

named!(Kind as "corruption" {
    Gaussian = "gaussian",
    Shot = "shot",
    Speckle = "speckle",
    Impulse = "impulse",
    Occlusion = "occlusion",
    DefocusBlur = "defocus-blur",
    GlassBlur = "glass-blur",
    MotionBlur = "motion-blur",
    ZoomBlur = "zoom-blur",
    Snow = "snow",
    Frost = "frost",
    Fog = "fog",
    Brightness = "brightness",
    Contrast = "contrast",
    Elastic = "elastic",
    Pixelate = "pixelate",
    Jpeg = "jpeg",
});

/// The levels of kinds that have severities.
const SEVERITIES: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

impl Kind {
    /// The fifteen of CIFAR-10-C.
    pub const BENCHMARK: [Kind; 15] = [
        Self::Gaussian,
        Self::Shot,
        Self::Impulse,
        Self::DefocusBlur,
        Self::GlassBlur,
        Self::MotionBlur,
        Self::ZoomBlur,
        Self::Snow,
        Self::Frost,
        Self::Fog,
        Self::Brightness,
        Self::Contrast,
        Self::Elastic,
        Self::Pixelate,
        Self::Jpeg,
    ];

    /// Whether it is noise, drawn for every value by itself.
    pub fn is_noise(self) -> bool {
        matches!(self, Self::Gaussian | Self::Shot | Self::Speckle | Self::Impulse)
    }

    /// Whether its levels are severities, 1 to 5.
    pub fn has_severities(self) -> bool {
        !self.is_noise() && self != Self::Occlusion
    }

    /// The usual levels, mildest first.
    pub fn levels(self) -> Vec<f32> {
        match self {
            Self::Gaussian => (1..=10).map(|i| i as f32 / 50.0).collect(),
            Self::Shot => (1..=10).rev().map(|i| (6 * i) as f32).collect(),
            Self::Speckle => (1..=6).map(|i| i as f32 / 10.0).collect(),
            Self::Impulse => (1..=9).map(|i| (3 * i) as f32 / 100.0).collect(),
            other => other.severities().to_vec(),
        }
    }

    /// The levels of the five severities of CIFAR-10-C, mildest first.
    pub fn severities(self) -> [f32; 5] {
        match self {
            Self::Gaussian => [0.04, 0.06, 0.08, 0.09, 0.10],
            Self::Shot => [500.0, 250.0, 100.0, 75.0, 50.0],
            Self::Speckle => [0.06, 0.1, 0.12, 0.16, 0.2],
            Self::Impulse => [0.01, 0.02, 0.03, 0.05, 0.07],
            Self::Occlusion => [1.0, 2.0, 4.0, 6.0, 8.0],
            _ => SEVERITIES,
        }
    }
}

/// A corruption of a given strength.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Corruption {
    kind: Kind,
    level: f32,
}

impl Corruption {
    /// A corruption of this kind and level.
    ///
    /// # Errors
    /// [`Error::Argument`] for a level outside the kind's range.
    pub fn new(kind: Kind, level: f32) -> Result<Self> {
        let (fits, reason) = match kind {
            Kind::Gaussian | Kind::Speckle => (level >= 0.0, "a standard deviation is a number that is not negative"),
            Kind::Shot => (level > 0.0, "a number of photons is positive"),
            Kind::Impulse => ((0.0..=1.0).contains(&level), "a share of pixels is a number from 0 to 1"),
            Kind::Occlusion => (level >= 0.0 && level.fract() == 0.0, "a half-size is a whole number of pixels"),
            _ => (SEVERITIES.contains(&level), "a severity is a whole number from 1 to 5"),
        };
        if !fits || !level.is_finite() {
            return Err(Error::argument("level", level, format!("{kind}: {reason}")));
        }
        Ok(Self { kind, level })
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its strength.
    pub fn level(&self) -> f32 {
        self.level
    }

    /// Image `index` of a data set, corrupted. The random draws depend only on (`seed`, kind, `index`): neither on the
    /// other images nor on the level, so that levels differ by strength and as little as possible by chance.
    ///
    /// # Errors
    /// Those of [`Dataset::image`]; [`Error::Argument`] for an image that [`Kind::Jpeg`] has no file for.
    ///
    /// # Panics
    /// Where `index` is not below the number of images, as indexing a slice does.
    pub fn image(&self, data: &Dataset, index: usize, seed: u64) -> Result<Vec<u8>> {
        let mut rng = stream(Purpose::Corrupt, seed, self.kind as u64, index as u64);
        if self.kind.has_severities() {
            return Ok(self.graded(&Plane::of_image(data, index)?, &mut rng)?.bytes());
        }
        let mut pixels = data.image(index)?.into_owned();
        match self.kind {
            Kind::Occlusion => {
                noise::occlude(&mut pixels, [data.height, data.width, data.channels], self.level as usize, &mut rng);
            }
            kind => {
                pixels.iter_mut().for_each(|pixel| *pixel = noise::value(kind, self.level.into(), *pixel, &mut rng))
            }
        }
        Ok(pixels)
    }

    /// An image at a severity.
    fn graded(&self, x: &Plane, rng: &mut ChaCha8Rng) -> Result<Plane> {
        let severity = self.level as usize;
        Ok(match self.kind {
            Kind::DefocusBlur => blur::defocus(x, severity),
            Kind::GlassBlur => blur::glass(x, severity, |reach| rng.random_range(-(reach as i64)..reach as i64)),
            Kind::MotionBlur => blur::motion(x, severity, blur::motion_angle(rng)),
            Kind::ZoomBlur => blur::zoom(x, severity),
            Kind::Snow => {
                let (flakes, angle) = weather::snow_draws(x, rng);
                weather::snow(x, severity, &flakes, angle)
            }
            Kind::Frost => weather::frost(x, severity, &weather::clouds_over(x, weather::FROST_ROUGHNESS, rng)),
            Kind::Fog => weather::fog(x, severity, &weather::clouds_over(x, weather::fog_roughness(severity), rng)),
            Kind::Brightness => digital::brightness(x, severity),
            Kind::Contrast => digital::contrast(x, severity),
            Kind::Elastic => digital::elastic(x, severity, &digital::Rubber::draw(x, rng)),
            Kind::Pixelate => digital::pixelate(x, severity),
            Kind::Jpeg => digital::jpeg(x, severity)?,
            Kind::Gaussian | Kind::Shot | Kind::Speckle | Kind::Impulse | Kind::Occlusion => x.clone(),
        })
    }

    /// A data set, every image corrupted and held in memory; without originals, which would not be corrupted.
    ///
    /// # Errors
    /// Those of [`Corruption::image`]; [`Error::Argument`] for streamed images of more than 2 GiB.
    pub fn dataset(&self, data: &Dataset, seed: u64) -> Result<Dataset> {
        data.check_for_memory("a corruption")?;
        let numbers = (0..data.len()).collect::<Vec<_>>();
        let images = parallel::map(None, &numbers, |&i| self.image(data, i, seed))?.concat();
        Ok(Dataset { images, originals: Vec::new(), streamed: None, ..data.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of one value each: [values.len(), 50, 40, 2].
    fn flat(values: &[u8]) -> Dataset {
        Dataset {
            name: "flat".into(),
            images: values.iter().flat_map(|&v| vec![v; 4000]).collect(),
            labels: vec![0; values.len()],
            height: 50,
            width: 40,
            channels: 2,
            classes: 1,
            class_names: vec!["0".into()],
            ..Dataset::default()
        }
    }

    fn corruption(noise: Kind, level: f32) -> Corruption {
        Corruption::new(noise, level).unwrap()
    }

    /// Mean and variance of corrupted images of this value, in units of full scale, over 40,000 values.
    fn moments(noise: Kind, level: f32, pixel: u8) -> (f64, f64) {
        let noisy = corruption(noise, level).dataset(&flat(&[pixel; 10]), 7).unwrap().images;
        let values = noisy.iter().map(|&p| f64::from(p) / 255.0).collect::<Vec<_>>();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    /// Checks mean and variance of 40,000 roughly normal values to within five standard errors, the variance of
    /// rounding to 8 bits included.
    #[track_caller]
    fn assert_moments((mean, variance): (f64, f64), expected_mean: f64, expected_variance: f64) {
        let expected_variance = expected_variance + 1.0 / (12.0 * 255.0 * 255.0);
        let error = (expected_variance / 40_000.0).sqrt();
        assert!((mean - expected_mean).abs() < 5.0 * error, "mean {mean}, not {expected_mean}");
        let error = expected_variance * (2.0 / 40_000.0_f64).sqrt();
        assert!((variance - expected_variance).abs() < 5.0 * error, "variance {variance}, not {expected_variance}");
    }

    #[test]
    fn gaussian_noise_has_its_deviation_at_every_brightness() {
        for (level, pixel) in [(0.02, 30), (0.08, 128), (0.1, 128), (0.05, 200)] {
            assert_moments(moments(Kind::Gaussian, level, pixel), f64::from(pixel) / 255.0, f64::from(level).powi(2));
        }
    }

    #[test]
    fn shot_noise_has_the_variance_of_photons() {
        // Up to five deviations below white, so that nothing is clipped.
        for (level, pixel) in [(60.0_f32, 40), (60.0, 100), (500.0, 150), (30.0, 51)] {
            let v = f64::from(pixel) / 255.0;
            assert_moments(moments(Kind::Shot, level, pixel), v, v / f64::from(level));
        }
        // Few photons follow the Poisson distribution: none at all with probability e^-mean.
        let noisy = corruption(Kind::Shot, 6.0).dataset(&flat(&[85; 10]), 7).unwrap().images;
        let none = noisy.iter().filter(|&&p| p == 0).count() as f64 / 40_000.0;
        assert!((none - (-2.0_f64).exp()).abs() < 5.0 * (0.135 * 0.865 / 40_000.0_f64).sqrt(), "{none}");
    }

    #[test]
    fn speckle_grows_with_the_signal() {
        for (level, pixel) in [(0.1, 128), (0.2, 60), (0.12, 150)] {
            let v = f64::from(pixel) / 255.0;
            assert_moments(moments(Kind::Speckle, level, pixel), v, (f64::from(level) * v).powi(2));
        }
    }

    #[test]
    fn noise_that_lives_on_the_signal_leaves_the_background_empty() {
        for noise in [Kind::Shot, Kind::Speckle] {
            assert!(corruption(noise, 0.5).dataset(&flat(&[0]), 1).unwrap().images.iter().all(|&p| p == 0), "{noise}");
        }
        assert!(corruption(Kind::Gaussian, 0.1).dataset(&flat(&[0]), 1).unwrap().images.iter().any(|&p| p > 0));
    }

    #[test]
    fn what_is_beyond_white_and_black_is_clipped() {
        let share = |noise, level, pixel, value| {
            let noisy = corruption(noise, level).dataset(&flat(&[pixel; 10]), 3).unwrap().images;
            noisy.iter().filter(|&&p| p == value).count() as f64 / 40_000.0
        };
        // Half of the values exceed 1 (with half a step of 8 bits, 0.39 % of the deviation of 0.2, less than 0.4 %).
        assert!((share(Kind::Gaussian, 0.2, 255, 255) - 0.5).abs() < 0.017);
        assert!((share(Kind::Gaussian, 0.2, 0, 0) - 0.5).abs() < 0.017);
    }

    #[test]
    fn impulses_hit_their_share_half_black_half_white() {
        for level in [0.03_f32, 0.27] {
            let noisy = corruption(Kind::Impulse, level).dataset(&flat(&[100; 10]), 5).unwrap().images;
            let share = |value: u8| noisy.iter().filter(|&&p| p == value).count() as f64 / 40_000.0;
            let half = f64::from(level) / 2.0;
            let error = 5.0 * (half * (1.0 - half) / 40_000.0).sqrt();
            assert!((share(0) - half).abs() < error && (share(255) - half).abs() < error);
            assert!((share(0) + share(255) + share(100) - 1.0).abs() < 1e-12, "other values appear");
        }
    }

    #[test]
    fn an_occlusion_is_one_square_anywhere_in_the_image() {
        let mut corners = std::collections::BTreeSet::new();
        let data = flat(&[9; 200]);
        for i in 0..data.len() {
            let image = corruption(Kind::Occlusion, 4.0).image(&data, i, 5).unwrap();
            let black = (0..2000).filter(|p| image[2 * p] == 0).collect::<Vec<_>>();
            assert!((0..2000).all(|p| image[2 * p] == image[2 * p + 1]), "both channels");
            assert_eq!(black.len(), 81);
            let (top, left) = (black[0] / 40, black[0] % 40);
            assert!(black.iter().all(|p| (top..top + 9).contains(&(p / 40)) && (left..left + 9).contains(&(p % 40))));
            corners.insert((top, left));
        }
        // All places: 42 x 32 of them.
        assert!(corners.len() > 150);
        assert!(corners.iter().all(|&(top, left)| top <= 41 && left <= 31));
        assert!(corners.iter().any(|&(top, _)| top > 36) && corners.iter().any(|&(_, left)| left > 27));
        // Larger than the image: everything.
        let all = corruption(Kind::Occlusion, 99.0).dataset(&data.subset(3), 5).unwrap();
        assert!(all.images.iter().all(|&p| p == 0));
    }

    /// Grey images of 25 x 20 pixels and many values.
    fn grey(n: usize) -> Dataset {
        let images = (0..n * 500).map(|i| ((i * i / 7 + 3 * i) % 256) as u8).collect();
        Dataset { images, height: 25, width: 20, channels: 1, ..flat(&vec![0; n]) }
    }

    /// An image of many values.
    fn ramp(n: usize) -> Dataset {
        let mut data = flat(&vec![0; n]);
        data.images.iter_mut().enumerate().for_each(|(i, p)| *p = (i % 251) as u8);
        data
    }

    #[test]
    fn draws_depend_on_seed_kind_and_index_alone() {
        let (data, other) = (grey(4), grey(9));
        for noise in Kind::ALL {
            let c = corruption(noise, noise.levels()[3]);
            let whole = c.dataset(&data, 1).unwrap();
            assert_eq!(whole, c.dataset(&data, 1).unwrap(), "{noise}: the same seed");
            let fixed =
                [Kind::DefocusBlur, Kind::ZoomBlur, Kind::Brightness, Kind::Contrast, Kind::Pixelate, Kind::Jpeg];
            let same = whole.images == c.dataset(&data, 2).unwrap().images;
            assert_eq!(same, fixed.contains(&noise), "{noise}: another seed");
            let more = c.dataset(&other, 1).unwrap();
            assert!((0..4).all(|i| more.image(i).unwrap() == whole.image(i).unwrap()), "{noise}: more images");
            assert_eq!((whole.labels.len(), whole.height), (4, 25));
        }
        let noise = |image: usize| {
            let noisy = corruption(Kind::Gaussian, 0.1).dataset(&flat(&[128; 2]), 1).unwrap();
            noisy.image(image).unwrap().iter().map(|&p| f64::from(p) - 128.0).collect::<Vec<_>>()
        };
        let product = noise(0).iter().zip(noise(1)).map(|(a, b)| a * b).sum::<f64>() / 4000.0;
        let deviation = (0.1 * 255.0_f64).powi(2) / 4000.0_f64.sqrt();
        assert!(product.abs() < 5.0 * deviation, "two images have related noise: {product}");
    }

    #[test]
    fn a_level_of_nothing_changes_nothing_and_levels_share_their_draws() {
        let data = ramp(2);
        for noise in [Kind::Gaussian, Kind::Speckle, Kind::Impulse] {
            assert_eq!(corruption(noise, 0.0).dataset(&data, 1).unwrap(), data, "{noise}");
        }
        let change = |level| {
            let noisy = corruption(Kind::Gaussian, level).dataset(&flat(&[128]), 1).unwrap().images;
            noisy.iter().map(|&p| f64::from(p) - 128.0).collect::<Vec<_>>()
        };
        assert!(change(0.04).iter().zip(change(0.08)).all(|(a, b)| (2.0 * a - b).abs() <= 1.5));
    }

    #[test]
    fn levels_get_worse_and_are_what_they_should_be() {
        assert_eq!(Kind::Gaussian.levels(), [0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.2]);
        assert_eq!(Kind::Shot.levels(), [60.0, 54.0, 48.0, 42.0, 36.0, 30.0, 24.0, 18.0, 12.0, 6.0]);
        assert_eq!(Kind::Speckle.levels(), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
        assert_eq!(Kind::Impulse.levels(), [0.03, 0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.24, 0.27]);
        for noise in Kind::ALL {
            let change = |level: f32| {
                let noisy = corruption(noise, level).dataset(&ramp(2), 1).unwrap().images;
                noisy.iter().zip(ramp(2).images).map(|(&a, b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>()
            };
            assert_eq!(noise.name().parse::<Kind>().unwrap(), noise);
            if noise.has_severities() {
                continue;
            }
            for levels in [noise.levels(), noise.severities().to_vec()] {
                let changes = levels.iter().map(|&l| change(l)).collect::<Vec<_>>();
                assert!(changes[0] > 0.0 && changes.windows(2).all(|w| w[0] < w[1]), "{noise}: {changes:?}");
            }
        }
    }

    #[test]
    fn levels_that_make_no_sense_are_refused() {
        for (noise, level) in [
            (Kind::Gaussian, -0.1),
            (Kind::Gaussian, f32::NAN),
            (Kind::Shot, 0.0),
            (Kind::Shot, f32::INFINITY),
            (Kind::Speckle, f32::INFINITY),
            (Kind::Impulse, 1.1),
            (Kind::Impulse, f32::NAN),
            (Kind::Occlusion, 1.5),
            (Kind::Occlusion, -1.0),
            (Kind::Fog, 0.0),
            (Kind::Jpeg, 2.5),
            (Kind::Snow, f32::NAN),
        ] {
            let error = Corruption::new(noise, level).unwrap_err().to_string();
            assert!(error.contains(noise.name()) && error.contains("level"), "{error}");
        }
        let error = "pink".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("pink") && error.contains("speckle"), "{error}");
    }
}
