//! Corruptions against those of the libraries that the published generator uses; see `tests/golden/corruptions/make.py`.

use super::digital::{self, Rubber};
use super::plane::Plane;
use super::{Kind, blur, weather};
use crate::files::{TensorFile, read_safetensors};

struct Golden(TensorFile);

impl Golden {
    fn open() -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/corruptions/corruptions.safetensors");
        Self(read_safetensors(path.as_ref()).unwrap())
    }

    fn plane(&self, name: &str) -> Plane {
        let (shape, values) = &self.0.tensors[name];
        let &[height, width, ref channels @ ..] = &shape[..] else { panic!("{name}: {shape:?}") };
        let values = values.iter().map(|v| f64::from(*v)).collect();
        Plane { height, width, channels: channels.iter().product(), values }
    }

    fn numbers(&self, name: &str) -> Vec<f64> {
        self.0.tensors[name].1.iter().map(|v| f64::from(*v)).collect()
    }

    /// The corruption of a kind, from the numbers that the golden one was made of.
    fn corrupted(&self, x: &Plane, kind: Kind, severity: usize, key: &str) -> Plane {
        let drawn = |what: &str| self.numbers(&format!("{key}.{what}"));
        match kind {
            Kind::DefocusBlur => blur::defocus(x, severity),
            Kind::GlassBlur => {
                let offsets = drawn("offsets");
                let mut next = offsets.iter();
                let glass = blur::glass(x, severity, |_| *next.next().unwrap() as i64);
                assert!(next.next().is_none(), "{key}: as many offsets");
                glass
            }
            Kind::MotionBlur => blur::motion(x, severity, drawn("angle")[0]),
            Kind::ZoomBlur => blur::zoom(x, severity),
            Kind::Snow => weather::snow(x, severity, &self.plane(&format!("{key}.noise")), drawn("angle")[0]),
            Kind::Fog => {
                let draws = drawn("draws");
                let mut next = draws.iter();
                let clouds = weather::clouds(32, weather::fog_roughness(severity), || *next.next().unwrap());
                assert!(next.next().is_none(), "{key}: as many draws");
                weather::fog(x, severity, &Plane::of(x.height, x.width, |row, column| clouds.values[row * 32 + column]))
            }
            Kind::Brightness => digital::brightness(x, severity),
            Kind::Contrast => digital::contrast(x, severity),
            Kind::Elastic => {
                let (corners, fields) = (drawn("corners"), drawn("fields"));
                let field = |of: usize| {
                    Plane::of(x.height, x.width, |row, column| fields[(of * x.height + row) * x.width + column])
                };
                let corners = [0, 1, 2].map(|i: usize| [corners[2 * i], corners[2 * i + 1]]);
                digital::elastic(x, severity, &Rubber { corners, fields: [field(0), field(1)] })
            }
            Kind::Pixelate => digital::pixelate(x, severity),
            Kind::Jpeg => digital::jpeg(x, severity).unwrap(),
            other => panic!("{other} has no golden values"),
        }
    }
}

/// How far values may be from the golden ones, in bytes: in the mean, and at most.
fn bound(kind: Kind) -> (f64, f64) {
    match kind {
        // ImageMagick computes in 16 bits.
        Kind::MotionBlur | Kind::Snow => (4e-3, 2e-2),
        // Pillow computes in whole numbers.
        Kind::Pixelate => (0.1, 1.01),
        // Other transforms than libjpeg's.
        Kind::Jpeg => (0.7, 12.0),
        _ => (1e-3, 1e-2),
    }
}

#[test]
fn corruptions_are_those_of_the_published_generator() {
    let golden = Golden::open();
    let (mut seen, mut off_bounds) = (0, Vec::new());
    for (tag, severities) in [("grey", &[1, 3, 5][..]), ("colour", &[2, 4])] {
        let x = golden.plane(tag).map(|value| value / 255.0);
        for kind in Kind::ALL.into_iter().filter(|kind| kind.has_severities() && *kind != Kind::Frost) {
            for &severity in severities {
                let key = format!("{tag}.{kind}.{severity}");
                let (got, want) = (golden.corrupted(&x, kind, severity, &key), golden.plane(&key));
                assert_eq!((got.height, got.width, got.channels), (want.height, want.width, want.channels), "{key}");
                let off = |(got, want): (&f64, &f64)| (255.0 * got.clamp(0.0, 1.0) - want).abs();
                let all = got.values.iter().zip(&want.values).map(off).collect::<Vec<_>>();
                let (mean, most) =
                    (all.iter().sum::<f64>() / all.len() as f64, all.iter().copied().fold(0.0, f64::max));
                println!("{key}: mean {mean:.4}, most {most:.3}");
                let (mean_bound, most_bound) = bound(kind);
                if !(mean <= mean_bound && most <= most_bound) {
                    off_bounds.push(format!("{key}: mean {mean}, most {most}"));
                }
                seen += 1;
            }
        }
    }
    assert!(off_bounds.is_empty(), "{off_bounds:#?}");
    assert_eq!(seen, 11 * 5);
}

#[test]
fn frost_is_added_to_a_share_of_the_image_where_clouds_have_ridges() {
    let x = Plane::of(1, 3, |_, _| 0.5);
    let clouds = Plane::of(1, 3, |_, column| [0.0, 0.5, 1.0][column]);
    assert_eq!(weather::frost(&x, 1, &clouds).values, [0.5, 0.5 + 0.2, 0.5]);
    assert_eq!(weather::frost(&x, 5, &clouds).values, [0.375, 0.375 + 0.45, 0.375]);
}
