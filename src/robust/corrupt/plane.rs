//! Images as numbers, and the filters that corruptions are made of.

use std::ops::RangeInclusive;

use crate::data::Dataset;
use crate::error::Result;

/// An image `[height, width, channels]` of values from 0 (black) to 1 (white).
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub values: Vec<f64>,
}

/// The weights of a Gaussian of this deviation at these places, which sum up to 1.
pub fn bell(places: RangeInclusive<i64>, sigma: f64) -> impl Iterator<Item = (i64, f64)> {
    let weight = move |i: i64| (-0.5 * (i as f64 / sigma).powi(2)).exp();
    let sum = places.clone().map(weight).sum::<f64>();
    places.map(move |i| (i, weight(i) / sum))
}

/// What lies beyond the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Border {
    /// The last value: `aa abcd dd`.
    Nearest,
    /// The image mirrored at its edge: `ba abcd dc`.
    AtEdge,
    /// The image mirrored at its last value: `cb abcd cb`.
    AtValue,
}

impl Border {
    /// The place in an axis of this size that stands for one that may lie beyond.
    pub fn place(self, at: i64, size: usize) -> usize {
        let size = size as i64;
        let found = match self {
            Self::Nearest => at.clamp(0, size - 1),
            Self::AtEdge => {
                let turn = at.rem_euclid(2 * size);
                turn.min(2 * size - 1 - turn)
            }
            Self::AtValue if size == 1 => 0,
            Self::AtValue => {
                let turn = at.rem_euclid(2 * size - 2);
                turn.min(2 * size - 2 - turn)
            }
        };
        found as usize
    }
}

impl Plane {
    /// A plane of one value a pixel, from a function of row and column.
    pub fn of(height: usize, width: usize, mut value: impl FnMut(usize, usize) -> f64) -> Self {
        let values = (0..height * width).map(|i| value(i / width, i % width)).collect();
        Self { height, width, channels: 1, values }
    }

    /// Pixels of bytes.
    pub fn of_bytes(pixels: &[u8], [height, width, channels]: [usize; 3]) -> Self {
        Self { height, width, channels, values: pixels.iter().map(|pixel| f64::from(*pixel) / 255.0).collect() }
    }

    /// An image of a data set.
    ///
    /// # Errors
    /// Those of [`Dataset::image`].
    pub fn of_image(data: &Dataset, index: usize) -> Result<Self> {
        Ok(Self::of_bytes(&data.image(index)?, [data.height, data.width, data.channels]))
    }

    /// The nearest of 256 values each, those beyond 0 and 1 clipped.
    pub fn bytes(&self) -> Vec<u8> {
        self.values.iter().map(|value| (255.0 * value.clamp(0.0, 1.0)).round() as u8).collect()
    }

    /// Every value replaced.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self { values: self.values.iter().map(|value| f(*value)).collect(), ..self.clone() }
    }

    /// Every value replaced, by one that its pixel's value in a plane of one channel has a say in.
    pub fn with(&self, other: &Plane, f: impl Fn(f64, f64) -> f64) -> Self {
        let pixels = self.values.chunks_exact(self.channels).zip(&other.values);
        let values = pixels.flat_map(|(pixel, &other)| pixel.iter().map(|&value| f(value, other)).collect::<Vec<_>>());
        Self { values: values.collect(), ..self.clone() }
    }

    /// The value at a place that may lie beyond the border.
    pub fn at(&self, y: i64, x: i64, channel: usize, border: Border) -> f64 {
        let (y, x) = (border.place(y, self.height), border.place(x, self.width));
        self.values[(y * self.width + x) * self.channels + channel]
    }

    /// The value between pixels, by linear interpolation.
    pub fn between(&self, y: f64, x: f64, channel: usize, border: Border) -> f64 {
        let (top, left) = (y.floor(), x.floor());
        let (down, right) = (y - top, x - left);
        let at = |dy: i64, dx: i64| self.at(top as i64 + dy, left as i64 + dx, channel, border);
        let line = |dy: i64| at(dy, 0) * (1.0 - right) + at(dy, 1) * right;
        line(0) * (1.0 - down) + line(1) * down
    }

    /// An image of the same size whose pixel at (y, x) is the one between pixels that `from` says.
    pub fn warped(&self, border: Border, from: impl Fn(usize, usize) -> [f64; 2]) -> Self {
        let value = |i: usize| {
            let (channel, pixel) = (i % self.channels, i / self.channels);
            let [y, x] = from(pixel / self.width, pixel % self.width);
            self.between(y, x, channel, border)
        };
        Self { values: (0..self.values.len()).map(value).collect(), ..self.clone() }
    }

    /// The sum over these neighbours (down, right, weight) of every pixel.
    pub fn filtered(&self, neighbours: &[(i64, i64, f64)], border: Border) -> Self {
        let value = |i: usize| {
            let (channel, pixel) = (i % self.channels, i / self.channels);
            let (y, x) = ((pixel / self.width) as i64, (pixel % self.width) as i64);
            neighbours.iter().map(|(dy, dx, weight)| weight * self.at(y + dy, x + dx, channel, border)).sum()
        };
        Self { values: (0..self.values.len()).map(value).collect(), ..self.clone() }
    }

    /// Blurred by a Gaussian of this deviation in pixels, cut off at `truncate` deviations.
    pub fn gaussian(&self, sigma: f64, truncate: f64, border: Border) -> Self {
        let radius = (truncate * sigma + 0.5) as i64;
        let down = bell(-radius..=radius, sigma).map(|(i, tap)| (i, 0, tap)).collect::<Vec<_>>();
        let across = down.iter().map(|&(i, _, tap)| (0, i, tap)).collect::<Vec<_>>();
        self.filtered(&down, border).filtered(&across, border)
    }

    /// The middle of the image enlarged by this factor, at least 1, to the image's size. With `crop = ceil(size / factor)`, the
    /// crop becomes `round(crop * factor)` pixels wide, its corners on those of the image, and is cut to size.
    pub fn zoomed(&self, factor: f64) -> Self {
        let axis = |size: usize| {
            let crop = (size as f64 / factor).ceil().max(1.0) as usize;
            let whole = ((crop as f64 * factor).round_ties_even() as usize).max(size);
            let scale = if whole > 1 { (crop - 1) as f64 / (whole - 1) as f64 } else { 0.0 };
            let (start, trim) = ((size - crop) / 2, (whole - size) / 2);
            move |at: usize| start as f64 + (at + trim) as f64 * scale
        };
        let (down, across) = (axis(self.height), axis(self.width));
        self.warped(Border::Nearest, |y, x| [down(y), across(x)])
    }

    /// Its brightness, `.299 R + .587 G + .114 B`; of an image that is not in colour, the mean of its channels.
    pub fn grey(&self) -> Self {
        let brightness = |pixel: &[f64]| match pixel {
            &[red, green, blue] => 0.299 * red + 0.587 * green + 0.114 * blue,
            other => other.iter().sum::<f64>() / other.len() as f64,
        };
        Self { channels: 1, values: self.values.chunks_exact(self.channels).map(brightness).collect(), ..self.clone() }
    }

    /// The image turned by half a circle.
    pub fn turned(&self) -> Self {
        let pixels = self.values.chunks_exact(self.channels).rev();
        Self { values: pixels.flatten().copied().collect(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_continue_an_axis() {
        let line = |border: Border| (-3..7).map(|at| border.place(at, 4)).collect::<Vec<_>>();
        assert_eq!(line(Border::Nearest), [0, 0, 0, 0, 1, 2, 3, 3, 3, 3]);
        assert_eq!(line(Border::AtEdge), [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]);
        assert_eq!(line(Border::AtValue), [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
        assert!([Border::Nearest, Border::AtEdge, Border::AtValue].iter().all(|border| border.place(-5, 1) == 0));
    }

    #[test]
    fn a_gaussian_keeps_constants_and_a_zoom_of_one_keeps_all() {
        let constant = Plane::of(5, 4, |_, _| 0.25);
        assert!(constant.gaussian(1.3, 4.0, Border::Nearest).values.iter().all(|v| (v - 0.25).abs() < 1e-15));
        let ramp = Plane::of(5, 4, |y, x| (4 * y + x) as f64 / 20.0);
        assert_eq!(ramp.zoomed(1.0), ramp);
        assert_eq!(ramp.gaussian(0.05, 4.0, Border::Nearest), ramp);
        assert_eq!(ramp.turned().turned(), ramp);
        assert_eq!(ramp.bytes().len(), 20);
    }
}
