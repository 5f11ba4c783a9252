//! Rankings by distance.

/// An image and how far it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similar {
    /// Which image.
    pub index: usize,
    /// Its distance.
    pub distance: f64,
}

/// Of `images` images those at the least distance, the nearest first, of equal ones the lower index; those without a distance are
/// left out.
pub fn nearest(images: usize, count: usize, distance: impl Fn(usize) -> Option<f64>) -> Vec<Similar> {
    let found = (0..images).filter_map(|index| Some(Similar { index, distance: distance(index)? }));
    let mut found = found.collect::<Vec<_>>();
    found.sort_by(|a, b| a.distance.total_cmp(&b.distance));
    found.truncate(count);
    found
}

/// `|a - b|`, the Euclidean distance of two maps, in f64.
pub fn euclidean(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_come_first_and_some_not_at_all() {
        let distances = [Some(2.0), None, Some(1.0), Some(2.0), Some(9.0)];
        let order = |count| nearest(5, count, |i| distances[i]).iter().map(|s| s.index).collect::<Vec<_>>();
        assert_eq!((order(3), order(9)), (vec![2, 0, 3], vec![2, 0, 3, 4]));
        assert_eq!(euclidean(&[1.0, 2.0], &[4.0, 6.0]), 5.0);
    }
}
