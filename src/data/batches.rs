//! The order of an epoch, and batches as a network takes them.

use rand::seq::SliceRandom;

use super::augment::{Augment, Placement};
#[cfg(feature = "files")]
use super::parallel;
use super::random::{Purpose, stream};
use super::{Dataset, Normalization};
use crate::error::Result;

/// The order in which an epoch (counted from 0) goes through `len` samples: 0..len in order, or a uniform permutation
/// (Fisher-Yates) that depends only on (`len`, `seed`, `epoch`), so that resumed training sees the same order.
pub fn epoch_order(len: usize, seed: u64, epoch: u64, shuffle: bool) -> Vec<u32> {
    let mut order: Vec<u32> = (0..len as u32).collect();
    if shuffle {
        order.shuffle(&mut stream(Purpose::Order, seed, epoch, 0));
    }
    order
}

/// The samples `indices` as x = (pixel/255 - mean_c) / std_c, [indices.len(), height, width, channels], and their labels.
///
/// `augment` crops and mirrors each sample by (`seed`, `epoch`, its index), whatever the batch. Padding is
/// pixel value 0, before normalisation. Random resized crops are of the originals, if the data have any. Without `augment`,
/// `seed` and `epoch` are unused.
///
/// Images are prepared by [`Dataset::workers`] threads; the batch does not depend on their number.
///
/// # Errors
/// Of streamed images, [`Error::Io`](crate::Error::Io) and [`Error::File`](crate::Error::File) naming a file that is gone, damaged, or has changed.
///
/// # Panics
/// Where an index is not below `data.len()`, or `normalization` does not have `data.channels` entries
/// ([`Normalization::check`] can check that).
pub fn fill_batch(
    data: &Dataset,
    indices: &[u32],
    normalization: &Normalization,
    augment: Option<Augment>,
    seed: u64,
    epoch: u64,
) -> Result<(Vec<f32>, Vec<u32>)> {
    let tables = normalization.tables();
    assert_eq!(tables.len(), data.channels, "normalisation has {} channels, unlike the images", tables.len());
    let mut pixels = vec![0.0; indices.len() * data.image_len()];
    fill(data, indices, &mut pixels, |&index, out| {
        match augment {
            None => normalize(&data.image(index as usize)?, &tables, out),
            Some(a @ Augment { least_area: Some(least), .. }) => {
                normalize(&a.resized_crop(least, data, seed, epoch, index)?, &tables, out);
            }
            Some(a) => place(&data.image(index as usize)?, data, a.placement(seed, epoch, index), &tables, out),
        }
        Ok(())
    })?;
    Ok((pixels, indices.iter().map(|&i| data.labels[i as usize].into()).collect()))
}

/// Fills the batch image by image, by several threads where that is worth starting them.
#[cfg(feature = "files")]
fn fill(
    data: &Dataset,
    indices: &[u32],
    pixels: &mut [f32],
    one: impl Fn(&u32, &mut [f32]) -> Result<()> + Sync,
) -> Result<()> {
    /// Values of held images that take about as long as to start some threads.
    const FEW: usize = 1 << 16;
    let most = if data.streamed.is_some() { usize::MAX } else { pixels.len() / FEW + 1 };
    parallel::fill(parallel::threads(data.workers).min(most), indices, pixels, one)
}

#[cfg(not(feature = "files"))]
fn fill(
    data: &Dataset,
    indices: &[u32],
    pixels: &mut [f32],
    one: impl Fn(&u32, &mut [f32]) -> Result<()>,
) -> Result<()> {
    indices.iter().zip(pixels.chunks_exact_mut(data.image_len().max(1))).try_for_each(|(index, out)| one(index, out))
}

/// Normalises pixels, channel by channel.
fn normalize(bytes: &[u8], tables: &[[f32; 256]], out: &mut [f32]) {
    match tables {
        [table] => out.iter_mut().zip(bytes).for_each(|(out, &b)| *out = table[usize::from(b)]),
        _ => {
            let channels = tables.len();
            for (out, pixel) in out.chunks_exact_mut(channels).zip(bytes.chunks_exact(channels)) {
                out.iter_mut().zip(pixel).zip(tables).for_each(|((out, &b), table)| *out = table[usize::from(b)]);
            }
        }
    }
}

/// Normalises one sample, cropped and mirrored.
fn place(image: &[u8], data: &Dataset, placement: Placement, tables: &[[f32; 256]], out: &mut [f32]) {
    let channels = data.channels;
    let zeros = vec![0; channels];
    let columns: Vec<Option<usize>> = (0..data.width).map(|x| placement.column(x, data.width)).collect();
    for (y, out) in out.chunks_exact_mut(data.width * channels).enumerate() {
        let row = placement.row(y, data.height).map(|row| &image[row * data.width * channels..]);
        for (column, out) in columns.iter().zip(out.chunks_exact_mut(channels)) {
            let pixel = row.zip(*column).map_or(&zeros[..], |(row, x)| &row[x * channels..][..channels]);
            normalize(pixel, tables, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Picture;
    use super::super::tests::counting;
    use super::*;

    const AUGMENT: Option<Augment> = Some(Augment { pad: 2, flip: true, least_area: None });

    fn halves(channels: usize) -> Normalization {
        let mean = (0..channels).map(|c| 0.1 + 0.2 * c as f32).collect();
        Normalization { mean, std: vec![0.5; channels] }
    }

    #[test]
    fn order_is_a_permutation_of_its_own_epoch() {
        let order = epoch_order(1000, 5, 2, true);
        assert_eq!(order, epoch_order(1000, 5, 2, true));
        assert_ne!(order, epoch_order(1000, 5, 3, true));
        assert_ne!(order, epoch_order(1000, 6, 2, true));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, epoch_order(1000, 5, 2, false));
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert!(epoch_order(0, 0, 0, true).is_empty());
    }

    #[test]
    fn order_is_uniform() {
        let mut counts = [[0; 6]; 6];
        for epoch in 0..6000 {
            for (place, &index) in epoch_order(6, 1, epoch, true).iter().enumerate() {
                counts[place][index as usize] += 1;
            }
        }
        // 1,000 per cell with a deviation of 29: five deviations either way.
        assert!(counts.iter().flatten().all(|&c| (855..1145).contains(&c)), "{counts:?}");
    }

    /// Saved training runs rely on these: they may change only with the version of the random generator.
    #[test]
    fn order_and_augmentation_are_pinned() {
        assert_eq!(epoch_order(8, 1, 0, true), PINNED_ORDER);
        let p = Augment { pad: 4, flip: true, least_area: None }.placement(1, 0, 5);
        assert_eq!((p.dy, p.dx, p.flip), PINNED_PLACEMENT);
    }

    const PINNED_ORDER: [u32; 8] = [2, 3, 5, 1, 4, 7, 0, 6];
    const PINNED_PLACEMENT: (usize, usize, bool) = (3, 4, true);

    #[test]
    fn plain_batch_is_the_formula() {
        for channels in [1, 3] {
            let (data, normalization) = (counting(4, 3, 5, channels), halves(channels));
            let (x, labels) = fill_batch(&data, &[2, 0], &normalization, None, 0, 0).unwrap();
            assert_eq!(labels, [2, 0]);
            assert_eq!(x.len(), 2 * 3 * 5 * channels);
            let images = [data.image(2).unwrap(), data.image(0).unwrap()].concat();
            let expected = images.iter().enumerate().map(|(i, &b)| {
                let c = i % channels;
                (f32::from(b) / 255.0 - normalization.mean[c]) / normalization.std[c]
            });
            assert!(x.iter().copied().eq(expected));
        }
    }

    #[test]
    fn augmented_batch_is_the_crop_and_pads_with_pixel_zero() {
        for channels in [1, 3] {
            let (data, normalization) = (counting(40, 4, 6, channels), halves(channels));
            let indices: Vec<u32> = (0..40).collect();
            let (x, _) = fill_batch(&data, &indices, &normalization, AUGMENT, 11, 4).unwrap();
            let mut padded = 0;
            for (i, sample) in x.chunks_exact(data.image_len()).enumerate() {
                let p = Augment { pad: 2, flip: true, least_area: None }.placement(11, 4, i as u32);
                for (at, &value) in sample.iter().enumerate() {
                    let (y, x, c) = (at / channels / 6, at / channels % 6, at % channels);
                    let cropped = if p.flip { 5 - x } else { x };
                    let (row, column) = ((y + p.dy) as isize - 2, (cropped + p.dx) as isize - 2);
                    let inside = (0..4).contains(&row) && (0..6).contains(&column);
                    let source = (row * 6 + column) * channels as isize + c as isize;
                    let pixel = if inside { data.image(i).unwrap()[source as usize] } else { 0 };
                    padded += usize::from(!inside);
                    assert_eq!(value, (f32::from(pixel) / 255.0 - normalization.mean[c]) / 0.5);
                }
            }
            assert!(padded > 0);
        }
    }

    #[test]
    fn resized_crops_are_of_the_originals_and_seeded() {
        let pixels = |i: usize| (0..8 * 12 * 3).map(|at| (i * 100 + at % 50) as u8).collect();
        let originals = (0..2).map(|i| Picture { height: 8, width: 12, channels: 3, pixels: pixels(i) }).collect();
        let (data, normalization) = (Dataset { originals, ..counting(2, 4, 4, 3) }, halves(3));
        let augment = Some(Augment { pad: 0, flip: true, least_area: Some(0.25) });
        let batch =
            |indices: &[u32], seed, epoch| fill_batch(&data, indices, &normalization, augment, seed, epoch).unwrap().0;
        let both = batch(&[0, 1], 3, 1);
        assert_eq!(both, [batch(&[0], 3, 1), batch(&[1], 3, 1)].concat());
        assert_ne!(both, batch(&[0, 1], 4, 1));
        assert_ne!(both, batch(&[0, 1], 3, 2));
        let table = &normalization.tables()[0];
        assert!(both[48..].iter().step_by(3).all(|x| (table[100]..=table[149]).contains(x)), "the second original");
    }

    #[test]
    fn samples_do_not_depend_on_their_batch() {
        let (data, normalization) = (counting(10, 5, 5, 3), halves(3));
        let order = epoch_order(10, 3, 1, true);
        let (whole, labels) = fill_batch(&data, &order, &normalization, AUGMENT, 3, 1).unwrap();
        let parts = order.chunks(3).map(|part| fill_batch(&data, part, &normalization, AUGMENT, 3, 1).unwrap());
        let (mut x, mut l) = (Vec::new(), Vec::new());
        parts.for_each(|(px, pl)| {
            x.extend(px);
            l.extend(pl);
        });
        assert_eq!((x, l), (whole.clone(), labels));
        assert_ne!(whole, fill_batch(&data, &order, &normalization, AUGMENT, 3, 2).unwrap().0);
        assert_eq!(
            fill_batch(&data, &order, &normalization, Some(Augment { pad: 0, flip: false, least_area: None }), 3, 1)
                .unwrap(),
            fill_batch(&data, &order, &normalization, None, 0, 0).unwrap()
        );
    }
}
