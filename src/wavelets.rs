//! Dual-tree complex wavelet packets: complex filters that tile the frequency plane (arXiv 2209.11740, section 4.3; the Q-shift
//! filter is Kingsbury's of 10 taps).

use std::f64::consts::TAU;

/// Kingsbury's filter, the low pass of one tree; reversed, that of the other.
const Q_SHIFT: [f64; 10] = [
    -0.0061818819,
    -0.0016896813,
    -0.1002312195,
    0.0008736227,
    0.5636557101,
    0.7666284678,
    0.2638395611,
    -0.1098360517,
    -0.0139753702,
    0.0511304053,
];

/// Frequencies at which the energy of a one-dimensional packet is summed.
const FREQUENCIES: usize = 1024;

/// A complex filter of `side x side` pixels, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct ComplexKernel {
    /// Pixels a side.
    pub side: usize,
    /// The real part: the filter of a convolution.
    pub real: Vec<f64>,
    /// The imaginary part.
    pub imaginary: Vec<f64>,
}

impl ComplexKernel {
    /// The filter times a number.
    pub fn times(&self, factor: f64) -> Self {
        let [real, imaginary] = [&self.real, &self.imaginary].map(|part| part.iter().map(|v| factor * v).collect());
        Self { side: self.side, real, imaginary }
    }

    /// `|W hat|^2` on a grid of `points x points` frequencies, those along x in each row, the frequency 0 first.
    pub fn energy(&self, points: usize) -> Vec<f64> {
        let turns = turns(points);
        // By rows, then by columns of what these give.
        let lines = (0..self.side).map(|y| {
            let row = y * self.side..(y + 1) * self.side;
            transform(&self.real[row.clone()], &self.imaginary[row], &turns)
        });
        let lines = lines.collect::<Vec<_>>();
        let mut energy = vec![0.0; points * points];
        for x in 0..points {
            let real = lines.iter().map(|line| line[x].0).collect::<Vec<_>>();
            let imaginary = lines.iter().map(|line| line[x].1).collect::<Vec<_>>();
            for (y, (re, im)) in transform(&real, &imaginary, &turns).into_iter().enumerate() {
                energy[y * points + x] = re * re + im * im;
            }
        }
        energy
    }
}

/// Sine and cosine of evenly spaced angles, once around from 0 backwards.
fn turns(points: usize) -> Vec<(f64, f64)> {
    (0..points).map(|i| (-TAU * i as f64 / points as f64).sin_cos()).collect()
}

/// The Fourier transform of a complex sequence at as many frequencies as there are turns.
fn transform(real: &[f64], imaginary: &[f64], turns: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let at = |k: usize| {
        real.iter().zip(imaginary).enumerate().fold((0.0, 0.0), |(re, im), (n, (a, b))| {
            let (sine, cosine) = turns[n * k % turns.len()];
            (re + a * cosine - b * sine, im + a * sine + b * cosine)
        })
    };
    (0..turns.len()).map(at).collect()
}

/// The filters of `levels` levels, 1 to 3: `2 4^levels` kernels that see frequencies of positive x, `psi_i(y) psi_j(x)` with the
/// packets `psi` in ascending frequency, each followed by the same with `psi_i` conjugated, which sees those of negative y.
/// Two-dimensional kernels have squared norm 4; convolutions with them are subsampled by `2^(levels - 1)`.
pub fn packets(levels: usize) -> Vec<ComplexKernel> {
    let along = one_dimensional(levels);
    let products = along.iter().flat_map(|y| along.iter().map(move |x| (y, x)));
    products.flat_map(|(y, x)| [product(y, x), product(&y.conjugate(), x)]).collect()
}

/// The middles, x and y, of the squares of side `pi / 2^levels` that the [`packets`] see, in their order.
pub fn packet_frequencies(levels: usize) -> Vec<[f64; 2]> {
    let count = 1 << levels;
    let middle = |i: usize| (i as f64 + 0.5) * TAU / 2.0 / count as f64;
    let squares = (0..count).flat_map(|y| (0..count).map(move |x| (middle(y), middle(x))));
    squares.flat_map(|(y, x)| [[x, y], [x, -y]]).collect()
}

fn product(y: &Packet, x: &Packet) -> ComplexKernel {
    let side = x.real.len();
    let value = |i: usize| {
        let (row, column) = (i / side, i % side);
        let (a, b, c, d) = (y.real[row], y.imaginary[row], x.real[column], x.imaginary[column]);
        (a * c - b * d, a * d + b * c)
    };
    let (real, imaginary) = (0..side * side).map(value).unzip();
    ComplexKernel { side, real, imaginary }
}

/// A one-dimensional packet.
#[derive(Clone, Debug)]
struct Packet {
    real: Vec<f64>,
    imaginary: Vec<f64>,
}

impl Packet {
    fn conjugate(&self) -> Self {
        Self { real: self.real.clone(), imaginary: self.imaginary.iter().map(|v| -v).collect() }
    }

    /// Its energy at positive and at negative frequencies, and the mean frequency of the former.
    fn sides(&self) -> [f64; 3] {
        let mut sums = [0.0; 3];
        for (k, (re, im)) in transform(&self.real, &self.imaginary, &turns(FREQUENCIES)).into_iter().enumerate() {
            let energy = re * re + im * im;
            if (1..FREQUENCIES / 2).contains(&k) {
                sums[0] += energy;
                sums[2] += energy * TAU * k as f64 / FREQUENCIES as f64;
            } else if k > 0 {
                sums[1] += energy;
            }
        }
        [sums[0], sums[1], sums[2] / sums[0]]
    }
}

/// The packets in ascending frequency, conjugated where their energy lies at negative ones.
fn one_dimensional(levels: usize) -> Vec<Packet> {
    let trees = [Filter::H1, Filter::G1].into_iter().zip([Filter::H2, Filter::G2]);
    let (first, second): (Vec<_>, Vec<_>) = trees.unzip();
    let pairs = tree(&first, levels).into_iter().zip(tree(&second, levels));
    let analytic = |(real, imaginary)| {
        let packet = Packet { real, imaginary };
        let [positive, negative, _] = packet.sides();
        if negative > positive { packet.conjugate() } else { packet }
    };
    let mut all = pairs.map(analytic).map(|packet| (packet.sides()[2], packet)).collect::<Vec<_>>();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, packet)| packet).collect()
}

/// A filter of a tree: those of the first stage of either tree, and the low and high pass of the two Q-shift pairs below.
#[derive(Clone, Copy)]
enum Filter {
    H1,
    G1,
    H2,
    G2,
    LowA,
    HighA,
    LowB,
    HighB,
}

impl Filter {
    fn taps(self) -> Vec<f64> {
        let low = Q_SHIFT.to_vec();
        let high = (0..10).map(|n| if n % 2 == 0 { -1.0 } else { 1.0 } * Q_SHIFT[9 - n]).collect::<Vec<_>>();
        let reversed = |taps: Vec<f64>| taps.into_iter().rev().collect::<Vec<_>>();
        // Delayed by so many samples, to 12 taps.
        let delayed = |taps: Vec<f64>, by: usize| {
            let mut all = vec![0.0; by];
            all.extend(taps);
            all.resize(12, 0.0);
            all
        };
        match self {
            Self::H1 => delayed(low, 2),
            Self::G1 => delayed(high, 0),
            Self::H2 => delayed(low, 1),
            Self::G2 => delayed(high.into_iter().map(|tap| -tap).collect(), 1),
            Self::LowA => low,
            Self::HighA => high,
            Self::LowB => reversed(low),
            Self::HighB => reversed(high),
        }
    }

    /// The filters that follow it.
    fn children(self) -> [Self; 2] {
        match self {
            Self::G1 | Self::H2 | Self::LowB => [Self::LowB, Self::HighB],
            Self::H1 | Self::G2 | Self::LowA | Self::HighA | Self::HighB => [Self::LowA, Self::HighA],
        }
    }
}

/// The kernels of a tree: at each level, convolved with the filters that follow, whose taps are spread further and further.
fn tree(first: &[Filter], levels: usize) -> Vec<Vec<f64>> {
    let mut all = first.iter().map(|filter| (filter.taps(), *filter)).collect::<Vec<_>>();
    for level in 1..levels {
        let followed = |(kernel, filter): &(Vec<f64>, Filter)| {
            filter.children().map(|child| (convolved(kernel, &child.taps(), 1 << level), child))
        };
        all = all.iter().flat_map(followed).collect();
    }
    all.into_iter().map(|(kernel, _)| kernel).collect()
}

/// The convolution of a kernel with taps that stand `spread` samples apart.
fn convolved(kernel: &[f64], taps: &[f64], spread: usize) -> Vec<f64> {
    let mut out = vec![0.0; kernel.len() + (taps.len() - 1) * spread];
    for (i, tap) in taps.iter().enumerate() {
        for (j, value) in kernel.iter().enumerate() {
            out[i * spread + j] += tap * value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_their_norms_and_lie_at_positive_frequencies() {
        for levels in 1..=3 {
            let along = one_dimensional(levels);
            assert_eq!(along.len(), 1 << levels);
            for (place, packet) in along.iter().enumerate() {
                let norm = packet.real.iter().chain(&packet.imaginary).map(|v| v * v).sum::<f64>();
                assert!((norm - 2.0).abs() < 1e-6, "{norm}");
                let [positive, negative, mean] = packet.sides();
                // The lowest and the highest reach across the frequencies 0 and pi.
                let most = if place == 0 || place + 1 == along.len() { 0.19 } else { 0.003 };
                let share = negative / (positive + negative);
                assert!(share < most, "{levels} levels, packet {place}: {share}");
                let cell = TAU / 2.0 / along.len() as f64;
                assert!((mean / cell - place as f64 - 0.5).abs() < 0.35, "{levels} levels, packet {place}: {mean}");
            }
            let kernels = packets(levels);
            assert_eq!(kernels.len(), 2 << (2 * levels));
            let norm = |kernel: &ComplexKernel| kernel.real.iter().chain(&kernel.imaginary).map(|v| v * v).sum::<f64>();
            assert!(kernels.iter().all(|kernel| (norm(kernel) - 4.0).abs() < 1e-5));
        }
    }

    #[test]
    fn the_energy_of_a_kernel_is_that_of_its_spectrum() {
        let kernel = &packets(1)[3];
        let norm = kernel.real.iter().chain(&kernel.imaginary).map(|v| v * v).sum::<f64>();
        let spectrum = kernel.energy(16).iter().sum::<f64>() / 256.0;
        assert!((spectrum / norm - 1.0).abs() < 1e-12);
    }
}
