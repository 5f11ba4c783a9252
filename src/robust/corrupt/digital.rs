//! Lighting, and what cameras and files do to images.

use image::codecs::jpeg::JpegDecoder;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use rand::{Rng, RngExt};

use super::plane::{Border, Plane};
use crate::error::{Error, Result};

/// What is added to the brightness, by severity.
const BRIGHTNESS: [f64; 5] = [0.05, 0.1, 0.15, 0.2, 0.3];

/// The share of the differences from the mean that is kept, by severity.
const CONTRAST: [f64; 5] = [0.75, 0.5, 0.4, 0.3, 0.15];

/// Size of the displacements, smoothness of their field, and how far corners are moved, each by the shorter side of the image; by
/// severity.
const ELASTIC: [[f64; 3]; 5] =
    [[0.0, 0.0, 0.08], [0.05, 0.2, 0.07], [0.08, 0.06, 0.06], [0.1, 0.04, 0.05], [0.1, 0.03, 0.03]];

/// The share of its sides that an image is reduced to, by severity.
const PIXELATE: [f64; 5] = [0.95, 0.9, 0.85, 0.75, 0.65];

/// Quality, by severity.
const JPEG: [u8; 5] = [80, 65, 58, 50, 40];

/// Every pixel brighter; hue and saturation stay.
pub fn brightness(x: &Plane, severity: usize) -> Plane {
    let more = BRIGHTNESS[severity - 1];
    let brighter = |pixel: &[f64]| {
        let value = pixel.iter().copied().fold(0.0, f64::max);
        let wanted = (value + more).clamp(0.0, 1.0);
        let of = |v: f64| if value > 0.0 { v * wanted / value } else { wanted };
        pixel.iter().map(|&v| of(v)).collect::<Vec<_>>()
    };
    Plane { values: x.values.chunks_exact(x.channels).flat_map(brighter).collect(), ..x.clone() }
}

/// Every channel nearer to its mean.
pub fn contrast(x: &Plane, severity: usize) -> Plane {
    let (kept, pixels) = (CONTRAST[severity - 1], (x.height * x.width) as f64);
    let mean = |c: usize| x.values.iter().skip(c).step_by(x.channels).sum::<f64>() / pixels;
    let means = (0..x.channels).map(mean).collect::<Vec<_>>();
    let nearer = |(i, value): (usize, &f64)| {
        let mean = means[i % x.channels];
        (value - mean) * kept + mean
    };
    Plane { values: x.values.iter().enumerate().map(nearer).collect(), ..x.clone() }
}

/// What [`elastic`] is made of: how far three corners are moved, (x, y) each, from -1 to 1, and two fields of displacements, along y and
/// x, from -1 to 1.
pub struct Rubber {
    pub corners: [[f64; 2]; 3],
    pub fields: [Plane; 2],
}

impl Rubber {
    pub fn draw(x: &Plane, rng: &mut impl Rng) -> Self {
        let mut number = || rng.random_range(-1.0..1.0);
        let corners = [(); 3].map(|()| [number(), number()]);
        let fields = [(); 2].map(|()| Plane::of(x.height, x.width, |_, _| number()));
        Self { corners, fields }
    }
}

/// The image on rubber: three corners of its middle are pulled away, then every pixel moves along a smooth random field.
pub fn elastic(x: &Plane, severity: usize, rubber: &Rubber) -> Plane {
    let side = x.height.min(x.width);
    let [size, smoothness, pull] = ELASTIC[severity - 1].map(|share| share * side as f64);
    let (center, reach) = ([(x.width / 2) as f64, (x.height / 2) as f64], (side / 3) as f64);
    let from = [[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]].map(|[a, b]| [center[0] + a * reach, center[1] + b * reach]);
    let to = [0, 1, 2].map(|i: usize| [0, 1].map(|axis: usize| from[i][axis] + pull * rubber.corners[i][axis]));
    let back = affine(to, from);
    let pulled = x.warped(Border::AtValue, |row, column| {
        let [a, b] = back.map(|[p, q, r]| p * column as f64 + q * row as f64 + r);
        [b, a]
    });
    let fields = rubber.fields.each_ref().map(|field| match smoothness > 0.0 {
        true => field.gaussian(smoothness, 3.0, Border::AtEdge),
        false => field.clone(),
    });
    pulled.warped(Border::AtEdge, |row, column| {
        let at = |field: &Plane| size * field.values[row * x.width + column];
        [row as f64 + at(&fields[0]), column as f64 + at(&fields[1])]
    })
}

/// The affine map, rows `[p, q, r]` for `p x + q y + r`, that takes three points to three others. The identity where those lie on a
/// line.
fn affine(from: [[f64; 2]; 3], to: [[f64; 2]; 3]) -> [[f64; 3]; 2] {
    let side = |of: [[f64; 2]; 3], i: usize, axis: usize| of[i][axis] - of[0][axis];
    let [a, b, c, d] = [side(from, 1, 0), side(from, 1, 1), side(from, 2, 0), side(from, 2, 1)];
    let area = a * d - b * c;
    if area == 0.0 {
        return [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    }
    [0, 1].map(|axis| {
        let (u, v) = (side(to, 1, axis), side(to, 2, axis));
        let (p, q) = ((u * d - v * b) / area, (v * a - u * c) / area);
        [p, q, to[0][axis] - p * from[0][0] - q * from[0][1]]
    })
}

/// The image reduced by the mean over boxes, and enlarged again; 8 bits a value in between.
pub fn pixelate(x: &Plane, severity: usize) -> Plane {
    let small = [x.height, x.width].map(|side| ((side as f64 * PIXELATE[severity - 1]) as usize).max(1));
    boxed(&boxed(x, small), [x.height, x.width])
}

/// Resized by the mean of the pixels whose middles lie in the box of a pixel, along x, then along y.
fn boxed(x: &Plane, [height, width]: [usize; 2]) -> Plane {
    let narrow = along(x, [x.height, width], boxes(x.width, width), |row, column| (column, row * x.width, 1));
    along(&narrow, [height, width], boxes(x.height, height), |row, column| (row, column, width))
}

/// An image of another size, each of whose pixels is the mean of a range of pixels of `x`. `line` says of a row and column which
/// range, where the line of pixels begins that it counts along, and the step from one to the next.
fn along(
    x: &Plane,
    [height, width]: [usize; 2],
    ranges: Vec<(usize, usize)>,
    line: impl Fn(usize, usize) -> (usize, usize, usize),
) -> Plane {
    let channels = x.channels;
    let value = |i: usize| {
        let (channel, column, row) = (i % channels, i / channels % width, i / channels / width);
        let (range, start, step) = line(row, column);
        let (first, last) = ranges[range];
        let sum = (first..last).map(|at| x.values[(start + at * step) * channels + channel]).sum::<f64>();
        sum / (last - first) as f64
    };
    let resized = Plane { height, width, channels, values: (0..height * width * channels).map(value).collect() };
    Plane { values: resized.bytes().iter().map(|byte| f64::from(*byte) / 255.0).collect(), ..resized }
}

/// The pixels of an axis that each of `to` pixels is the mean of, end exclusive: those whose middles lie within half a pixel of its
/// own, in its own scale, as Pillow's box filter has it.
fn boxes(from: usize, to: usize) -> Vec<(usize, usize)> {
    let scale = from as f64 / to as f64;
    let reduced = scale.max(1.0);
    let range = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        let off = |pixel: &usize| (*pixel as f64 - center + 0.5) * (1.0 / reduced);
        let start = ((center - 0.5 * reduced + 0.5) as usize).min(from - 1);
        let end = ((center + 0.5 * reduced + 0.5) as usize).min(from);
        let mut inside = (start..end).filter(|pixel| off(pixel) > -0.5 && off(pixel) <= 0.5);
        let first = inside.next().unwrap_or(start);
        (first, inside.next_back().unwrap_or(first) + 1)
    };
    (0..to).map(range).collect()
}

/// The image after a JPEG file, with colours at half the resolution, as most programs write them.
///
/// # Errors
/// [`Error::Argument`] for an image that is neither grey nor in colour, or of more than 65,535 pixels a side.
pub fn jpeg(x: &Plane, severity: usize) -> Result<Plane> {
    let size = [x.height, x.width, x.channels];
    let broken = |what: String| Error::argument("jpeg", format!("{size:?}"), what);
    let color = match x.channels {
        1 => ColorType::Luma,
        3 => ColorType::Rgb,
        _ => return Err(broken("only images of 1 or 3 channels have a JPEG file".into())),
    };
    let (Ok(height), Ok(width)) = (u16::try_from(x.height), u16::try_from(x.width)) else {
        return Err(broken("sides of JPEG files are at most 65,535 pixels".into()));
    };
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, JPEG[severity - 1]);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.encode(&x.bytes(), width, height, color).map_err(|e| broken(e.to_string()))?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(file)).map_err(|e| broken(e.to_string()))?;
    let mut pixels = vec![0; x.values.len()];
    image::ImageDecoder::read_image(decoder, &mut pixels).map_err(|e| broken(e.to_string()))?;
    Ok(Plane::of_bytes(&pixels, size))
}
