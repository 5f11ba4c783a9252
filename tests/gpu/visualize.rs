//! What is drawn of a network, layer by layer.

use sdnet::layers::{BatchNorm, batch_norms, sparse_layers};
use sdnet::models::{Architecture, Model, ModelConfig, Network, Stage};
use sdnet::reference::sequence::sequence;
use sdnet::tape::Tape;
use sdnet::tensor::Tensor;
use sdnet::visualize::{
    Contrast, Syntheses, atoms_by_gradient, by_descent, coded, fitting_factor, grad_cam, input_gradient,
    integrated_gradients,
};

use crate::golden_networks::stored_network;
use crate::support::{Golden, from_nchw, gpu, relative_l2, to_nchw};

#[test]
fn attributions_are_those_of_captum() {
    let golden = Golden::open("attribution/attribution");
    let classes: Vec<u32> = serde_json::from_str(&golden.metadata["classes"]).unwrap();
    for name in ["net_sdnet18_narrow", "net_sdnet18_all_narrow"] {
        let network = stored_network(&Golden::open(name));
        let (shape, values) = &golden.tensors[&format!("{name}.images")];
        let images = from_nchw(&[shape[0], shape[1], shape[2], shape[3]], values);
        let near = |what: &str, got: &[f32]| {
            let off = relative_l2(got, &golden.tensors[&format!("{name}.{what}")].1);
            println!("{name} {what}: {off:.1e}");
            assert!(off < 1e-4, "{name} {what}: {off}");
        };
        near("scores", &network.predict(&images).unwrap().to_vec().unwrap());
        near("input_gradient", &to_nchw(&input_gradient(&network, &images, &classes).unwrap()));
        let integrated = integrated_gradients(&network, &images, &classes, golden.number("steps")).unwrap();
        near("integrated_gradients", &to_nchw(&Tensor::from_slice(gpu(), images.shape(), &integrated).unwrap()));
        for stage in [Stage::Layer3, Stage::Layer4] {
            let cam = grad_cam(&network, stage, &images, &classes).unwrap();
            near(&format!("grad_cam.{stage}"), &cam.to_vec().unwrap());
        }
        assert!(input_gradient(&network, &images, &[3, 99]).is_err());
        assert!(input_gradient(&network, &images, &[3]).is_err());
        assert!(integrated_gradients(&network, &images, &classes, 0).is_err());
    }
}

/// An sdnet18-all without shortcuts, for two channels.
fn plain(change: impl FnOnce(&mut ModelConfig)) -> Network {
    let mut config =
        ModelConfig { width: 2, in_channels: 2, shortcut: false, ..ModelConfig::named("sdnet18-all").unwrap() };
    change(&mut config);
    let network = Network::new(gpu(), &config, 5).unwrap();
    for (i, (_, norm)) in batch_norms(&network).into_iter().enumerate() {
        let BatchNorm { weight, bias, running, .. } = norm;
        for (j, (tensor, middle)) in
            [(weight, 1.0), (bias, 0.0), (&running.mean, 0.0), (&running.variance, 1.0)].into_iter().enumerate()
        {
            let values = sequence(tensor.len(), (10 * i + j) as u64, 0.3);
            tensor.write(&values.iter().map(|v| (middle + v) as f32).collect::<Vec<_>>()).unwrap();
        }
    }
    network
}

fn image(side: usize) -> Tensor {
    let values = sequence(side * side * 2, 77, 1.0).iter().map(|v| *v as f32).collect::<Vec<_>>();
    Tensor::from_slice(gpu(), &[1, side, side, 2], &values).unwrap()
}

#[test]
fn layers_that_lose_nothing_are_undone_exactly() {
    // Every atom is a single pixel of one channel, so that A is the identity for as many atoms as channels.
    let network = plain(|config| (config.lambda, config.non_negative, config.iterations) = (0.0, false, 12));
    for (_, csc) in sparse_layers(&network) {
        let &[atoms, _, _, channels] = csc.weight().shape() else { panic!() };
        let mut values = vec![0.0; csc.weight().len()];
        (0..atoms).for_each(|atom| values[(atom * 9 + 4) * channels + atom % channels] = 1.0);
        csc.weight().write(&values).unwrap();
    }
    let image = image(8);
    let layers = coded(&network, &image).unwrap();
    let syntheses = Syntheses::new(&network).unwrap();
    // The stem and the four layers of the first stage.
    for place in 0..5 {
        let found = syntheses.images(place, &layers[place].codes, &layers, Contrast::Kept).unwrap();
        let off = relative_l2(&found.to_vec().unwrap(), &image.to_vec().unwrap());
        assert!(off < 1e-5, "{}: {off}", layers[place].layer);
    }
    assert_eq!(layers[0].layer, "layer0.0");
    // The fifth layer but two halves the map, and three of four pixels are lost.
    let found = syntheses.images(5, &layers[5].codes, &layers, Contrast::Kept).unwrap();
    assert!(relative_l2(&found.to_vec().unwrap(), &image.to_vec().unwrap()) > 0.1);
}

#[test]
fn atoms_of_the_first_layer_are_themselves_and_those_above_are_made_of_them() {
    let network = plain(|_| {});
    let layers = coded(&network, &image(8)).unwrap();
    let syntheses = Syntheses::new(&network).unwrap();
    let weights =
        sparse_layers(&network).into_iter().map(|(_, csc)| csc.weight().to_vec().unwrap()).collect::<Vec<_>>();
    let pixel = |atoms: &[f32], atom: usize, y: usize, x: usize, c: usize| atoms[((atom * 8 + y) * 8 + x) * 2 + c];
    let first = syntheses.atoms(0, &layers).unwrap().to_vec().unwrap();
    for (i, weight) in weights[0].iter().enumerate() {
        let (atom, y, x, c) = (i / 18, i / 6 % 3, i / 2 % 3, i % 2);
        assert!((pixel(&first, atom, 3 + y, 3 + x, c) - weight).abs() < 1e-6, "{i}");
    }
    // An atom of the second layer, its batch norm undone, is a sum of shifted atoms of the first.
    let second = syntheses.atoms(1, &layers).unwrap().to_vec().unwrap();
    let norm = batch_norms(&network)[0].1;
    let (gamma, variance) = (norm.weight.to_vec().unwrap(), norm.running.variance.to_vec().unwrap());
    for (atom, c) in [(0, 0), (1, 1)] {
        let mut want = 0.0;
        // The pixel (3, 4), which codes at (y, x) of the first layer reach within a pixel.
        for i in 0..9 * 2 {
            let (y, x, k) = (3 + i / 6, 3 + i / 2 % 3, i % 2);
            let code = weights[1][atom * 18 + i] * (variance[k] + 1e-5).sqrt() / gamma[k];
            let (dy, dx) = (4 - y as i32, 5 - x as i32);
            if (0..3).contains(&dy) && (0..3).contains(&dx) {
                want += code * weights[0][((k * 3 + dy as usize) * 3 + dx as usize) * 2 + c];
            }
        }
        let got = pixel(&second, atom, 3, 4, c);
        assert!((got - want).abs() < 1e-5, "{atom} {c}: {got}, not {want}");
    }
}

#[test]
fn the_gradient_of_a_code_is_the_atom_in_its_place() {
    // After one iteration a code is max(0, t (A^T x - lambda)).
    let network = plain(|config| config.iterations = 1);
    let image = image(8);
    let (name, csc) = sparse_layers(&network).remove(0);
    let gradient = atoms_by_gradient(&network, &name, &image).unwrap().to_vec().unwrap();
    let (codes, step) =
        (coded(&network, &image).unwrap()[0].codes.to_vec().unwrap(), csc.step().unwrap().to_vec().unwrap()[0]);
    let weight = csc.weight().to_vec().unwrap();
    for atom in 0..2 {
        let largest = (0..64).max_by(|a, b| codes[a * 2 + atom].total_cmp(&codes[b * 2 + atom])).unwrap();
        let (top, left) = (largest / 8, largest % 8);
        for i in 0..18 {
            let (y, x, c) = (top + i / 6, left + i / 2 % 3, i % 2);
            if (1..=8).contains(&y) && (1..=8).contains(&x) {
                let got = gradient[((atom * 8 + y - 1) * 8 + x - 1) * 2 + c];
                assert!((got - step * weight[atom * 18 + i]).abs() < 1e-6, "{atom} {i}");
            }
        }
    }
    assert!(atoms_by_gradient(&network, "layer9", &image).is_err());
}

#[test]
fn descent_finds_an_image_with_the_codes_and_the_same_one_for_a_seed() {
    let network = plain(|_| {});
    let image = image(8);
    let layers = coded(&network, &image).unwrap();
    let of = |place: usize, steps, seed| {
        let found =
            by_descent(&network, &layers[place].layer, &layers[place].codes, image.shape(), steps, seed).unwrap();
        let codes = coded(&network, &found).unwrap()[place].codes.to_vec().unwrap();
        (relative_l2(&codes, &layers[place].codes.to_vec().unwrap()), found.to_vec().unwrap())
    };
    for place in [0, 3] {
        let ((before, _), (after, found)) = (of(place, 0, 1), of(place, 60, 1));
        assert!(after < 0.7 * before, "{}: {before} to {after}", layers[place].layer);
        if place == 0 {
            assert!(of(place, 60, 1).1 == found && of(place, 60, 2).1 != found);
        }
    }
    assert!(by_descent(&network, "layer0.0", &layers[5].codes, image.shape(), 1, 0).is_err());
}

#[test]
fn layers_behind_a_shortcut_cannot_be_undone() {
    let config = ModelConfig { width: 2, in_channels: 2, ..ModelConfig::named("sdnet18-all").unwrap() };
    let network = Network::new(gpu(), &config, 5).unwrap();
    let syntheses = Syntheses::new(&network).unwrap();
    let free = (0..17).filter(|place| syntheses.obstacle(*place).is_none()).collect::<Vec<_>>();
    assert_eq!(free, [0, 1, 2]);
    let layers = coded(&network, &image(8)).unwrap();
    let error = syntheses.images(3, &layers[3].codes, &layers, Contrast::Kept).unwrap_err().to_string();
    assert!(error.contains("shortcut"), "{error}");
    assert!(syntheses.obstacle(99).is_some() && syntheses.atoms(99, &layers).is_err());
    // A network without sparse layers has none to draw.
    let config = ModelConfig { width: 2, in_channels: 2, ..ModelConfig::named("resnet18").unwrap() };
    let resnet = Network::new(gpu(), &config, 5).unwrap();
    assert!(coded(&resnet, &image(8)).unwrap().is_empty() && Syntheses::new(&resnet).unwrap().obstacle(0).is_some());
}

#[test]
fn copies_are_averaged_and_contrast_is_fitted() {
    let config = ModelConfig { width: 2, in_channels: 2, dictionaries: 2, ..ModelConfig::named("sdnet18").unwrap() };
    let network = Network::new(gpu(), &config, 5).unwrap();
    let image = image(8);
    let layers = coded(&network, &image).unwrap();
    assert_eq!(layers[0].input.shape(), [1, 8, 8, 4]);
    let syntheses = Syntheses::new(&network).unwrap();
    let of = |contrast| syntheses.images(0, &layers[0].codes, &layers, contrast).unwrap().to_vec().unwrap();
    let (kept, fitted) = (of(Contrast::Kept), of(Contrast::Fitted));
    let (_, csc) = sparse_layers(&network).remove(0);
    let tape = Tape::idle();
    let left = csc.residual(&tape, &tape.constant(&image), &tape.constant(&layers[0].codes)).unwrap();
    let (left, x) = (left.value().to_vec().unwrap(), image.to_vec().unwrap());
    for (i, kept) in kept.iter().enumerate() {
        let at = i / 2 * 4 + i % 2;
        let want = x[i] - (left[at] + left[at + 2]) / 2.0;
        assert!((kept - want).abs() < 1e-5, "{i}: {kept}, not {want}");
    }
    // Of all multiples of what is kept, that one is nearest to the copies of the input.
    let factor = fitted[5] / kept[5];
    assert!(factor > 1.0 && fitted.iter().zip(&kept).all(|(f, k)| (f - factor * k).abs() < 1e-4));
    assert_eq!((fitting_factor(&[1.0, 2.0], &[2.0, 4.0]), fitting_factor(&[0.0], &[1.0])), (2.0, 1.0));
}
