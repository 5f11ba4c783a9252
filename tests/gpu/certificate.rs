//! What is certain of codes: worked examples, and that nothing larger would be true.

use sdnet::error::Error;
use sdnet::layers::{Csc, CscConfig};
use sdnet::reference::normalize_atoms::normalize_atoms;
use sdnet::reference::sequence::sequence;
use sdnet::robust::certificate::{Certificate, Certifier};
use sdnet::shape::{Geometry, PaddingMode};
use sdnet::tensor::Tensor;

use crate::support::gpu;

/// Enough for every layer here.
const ITERATIONS: usize = 1000;

fn tensor(shape: &[usize], values: &[f64]) -> Tensor {
    let values = values.iter().map(|v| *v as f32).collect::<Vec<_>>();
    Tensor::from_slice(gpu(), shape, &values).unwrap()
}

/// A dense dictionary with these atoms.
fn dense(atoms: &[&[f64]], config: CscConfig) -> Csc {
    let geometry = Geometry::square(1, 0);
    Csc::new(tensor(&[atoms.len(), 1, 1, atoms[0].len()], &atoms.concat()), CscConfig { geometry, ..config }).unwrap()
}

fn one(layer: &Csc, std: &[f32], lambda: f32, image: &[f64], shape: [usize; 3]) -> Option<Certificate> {
    let certifier = Certifier::new(layer, std, lambda, ITERATIONS).unwrap();
    certifier.certify(&tensor(&[1, shape[0], shape[1], shape[2]], image), &mut || ()).unwrap().remove(0)
}

fn close(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-6 * want, "{got} is not {want}");
}

#[test]
fn with_orthogonal_atoms_codes_are_shrunk_products() {
    // z = max(x - 0.5, 0): the codes are 0.5, 0, 0; the second appears at a change of 0.2, less than what the others need.
    let layer = dense(&[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]], CscConfig::default());
    let found = one(&layer, &[0.25; 3], 0.5, &[1.0, 0.3, -2.0], [1, 1, 3]).unwrap();
    assert_eq!((&found.support[..], found.place, found.appears), (&[0][..], 1, true));
    // A pixel is a quarter of a normalised one.
    close(found.l2, 0.05);
    close(found.linf, 0.05);
    close(found.change[1], 0.05);
    assert_eq!([found.change[0], found.change[2]], [0.0; 2]);
    // With signs, the third code is -1.5, and no nearer to zero.
    let layer = dense(
        &[&[1.0, 0.0, 0.0], &[0.0, 1.0, 0.0], &[0.0, 0.0, 1.0]],
        CscConfig { non_negative: false, ..CscConfig::default() },
    );
    let found = one(&layer, &[1.0; 3], 0.5, &[0.9, 0.0, -2.0], [1, 1, 3]).unwrap();
    assert_eq!(found.support.len(), 2);
    assert_eq!((found.place, found.appears), (0, false));
    close(found.l2, 0.4);
}

#[test]
fn norms_are_those_of_the_change() {
    // One atom (0.6, 0.8): the code of (1, 1) is 1.4 - 0.4. It vanishes along the atom, by the signs in L-inf.
    let layer = dense(&[&[0.6, 0.8]], CscConfig::default());
    let found = one(&layer, &[1.0; 2], 0.4, &[1.0, 1.0], [1, 1, 2]).unwrap();
    close(found.l2, 1.0);
    close(found.linf, 1.0 / 1.4);
    // In an image that explains nothing, it appears; and mu makes no difference to where.
    let layer = dense(&[&[0.6, 0.8]], CscConfig { mu: 3.0, ..CscConfig::default() });
    let found = one(&layer, &[1.0; 2], 0.4, &[0.0, 0.0], [1, 1, 2]).unwrap();
    assert!(found.support.is_empty() && found.appears);
    close(found.l2, 0.4);
    close(found.linf, 0.4 / 1.4);
}

#[test]
fn within_the_radius_the_support_stays_and_beyond_it_changes() {
    let modes = [PaddingMode::Zero, PaddingMode::Reflect, PaddingMode::Replicate, PaddingMode::Circular];
    for (case, padding_mode) in modes.into_iter().enumerate() {
        let config = CscConfig {
            padding_mode,
            geometry: Geometry::square(1 + case % 2, 1),
            non_negative: case != 1,
            mu: if case == 2 { 0.2 } else { 0.0 },
            ..CscConfig::default()
        };
        let atoms = normalize_atoms(&sequence(4 * 9 * 2, 5, 1.0), 4);
        let layer = Csc::new(tensor(&[4, 3, 3, 2], &atoms), config).unwrap();
        let std = [0.5_f32, 0.25];
        let image = sequence(5 * 6 * 2, 7 + case as u64, 1.0);
        let support = |change: &[f64]| {
            let x = image.iter().zip(change).enumerate().map(|(i, (x, d))| x + d / f64::from(std[i % 2]));
            let mut support = one(&layer, &std, 0.3, &x.collect::<Vec<_>>(), [5, 6, 2]).unwrap().support;
            support.sort();
            support
        };
        let found = one(&layer, &std, 0.3, &image, [5, 6, 2]).unwrap();
        let mut own = found.support.clone();
        own.sort();
        assert!(own.len() > 4 && found.l2 > 1e-5 && found.linf < found.l2, "{padding_mode}: {found:?}");
        let length = found.change.iter().map(|d| d * d).sum::<f64>().sqrt();
        close(length, found.l2);

        let along = |factor: f64| found.change.iter().map(|d| factor * d).collect::<Vec<_>>();
        assert_eq!(support(&along(0.98)), own, "{padding_mode}");
        let mut beyond = own.clone();
        match found.appears {
            true => beyond.push(found.place),
            false => beyond.retain(|place| *place != found.place),
        }
        beyond.sort();
        assert_eq!(support(&along(1.02)), beyond, "{padding_mode}");
        for tag in 0..4 {
            let direction = sequence(image.len(), 20 + tag, 1.0);
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            let change = direction.iter().map(|d| 0.98 * found.l2 * d / length).collect::<Vec<_>>();
            assert_eq!(support(&change), own, "{padding_mode}");
            let change = direction.iter().map(|d| 0.98 * found.linf * d.signum()).collect::<Vec<_>>();
            assert_eq!(support(&change), own, "{padding_mode}");
        }
    }
}

#[test]
fn a_rougher_start_leads_to_the_same_minimiser() {
    let atoms = normalize_atoms(&sequence(6 * 9, 5, 1.0), 6);
    let layer = Csc::new(tensor(&[6, 3, 3, 1], &atoms), CscConfig::default()).unwrap();
    let image = tensor(&[1, 8, 8, 1], &sequence(64, 9, 1.0));
    let from = |iterations: usize| {
        let certifier = Certifier::new(&layer, &[1.0], 0.2, iterations).unwrap();
        let mut found = certifier.certify(&image, &mut || ()).unwrap().remove(0).unwrap();
        found.support.sort();
        found
    };
    let (rough, near) = (from(100), from(ITERATIONS));
    assert_eq!(rough.support, near.support);
    close(rough.l2, near.l2);
}

#[test]
fn codes_that_are_not_unique_have_no_certificate() {
    let layer = dense(&[&[1.0, 0.0], &[1.0, 0.0]], CscConfig::default());
    assert_eq!(one(&layer, &[1.0; 2], 0.1, &[1.0, 0.0], [1, 1, 2]), None);
}

#[test]
fn coherence_is_the_largest_cosine() {
    let layer = dense(&[&[2.0, 0.0], &[0.6, 0.8], &[0.0, 1.0]], CscConfig::default());
    let coherence = |layer: &Csc| Certifier::new(layer, &[1.0; 2], 0.1, 1).unwrap().coherence(5, 5).unwrap();
    close(coherence(&layer), 0.8);
    // One atom, against itself moved by one pixel: (1, 1, 1) and its neighbour share two of three.
    let geometry = Geometry { stride: [1, 1], padding: [0, 1] };
    let row = Csc::new(tensor(&[1, 1, 3, 1], &[1.0; 3]), CscConfig { geometry, ..CscConfig::default() }).unwrap();
    let certifier = Certifier::new(&row, &[1.0], 0.1, 1).unwrap();
    close(certifier.coherence(1, 9).unwrap(), 2.0 / 3.0);
}

#[test]
fn what_cannot_be_certified_is_refused() {
    let atom = [0.6, 0.8];
    let refused = |config: CscConfig, std: &[f32], lambda: f32, name: &str| {
        let found = Certifier::new(&dense(&[&atom], config), std, lambda, 10);
        assert!(matches!(found, Err(Error::Argument { name: n, .. }) if n == name), "{name}");
    };
    refused(CscConfig { root_noise: true, ..CscConfig::default() }, &[1.0; 2], 0.1, "root-noise");
    refused(CscConfig { dictionaries: 2, ..CscConfig::default() }, &[1.0; 2], 0.1, "n-dict");
    refused(CscConfig::default(), &[1.0; 3], 0.1, "std");
    refused(CscConfig::default(), &[1.0, 0.0], 0.1, "std");
    for lambda in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        refused(CscConfig::default(), &[1.0; 2], lambda, "lambda");
    }
    let certifier = Certifier::new(&dense(&[&atom], CscConfig::default()), &[1.0; 2], 0.1, 10).unwrap();
    assert!(matches!(certifier.certify(&tensor(&[1, 1, 1, 3], &[0.0; 3]), &mut || ()), Err(Error::Shape { .. })));
}
