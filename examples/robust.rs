//! Noisy photographs of clothes, each repaired and classified at its own lambda, with nothing but the library.
//!
//!     cargo run --release --example robust [FOLDER [WEIGHTS]]
//!
//! Writes noisy.png (the input), repaired.png (without salt and pepper) and reconstruction.png (from its codes).

use image::imageops::{FilterType, resize};
use sdnet::data::{Batch, DataSource, Split, fill_batch, load};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::Pass;
use sdnet::models::{Model, Network};
use sdnet::robust::corrupt::{Corruption, Kind};
use sdnet::robust::recalibrate::{RecalibrateConfig, recalibrate};
use sdnet::robust::{Adapted, LambdaRule};
use sdnet::tape::Tape;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let gpu = Gpu::open(&GpuOptions::default())?;
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let weights = std::env::args().nth(2).unwrap_or_else(|| bundled.into());
    let (mut network, recipe) = Adapted::<Network>::load(weights.as_ref(), &gpu, None)?;
    let source = DataSource { name: "fashion-mnist-small".into(), ..DataSource::default() };
    let (train, mut test) = (load(&source, Split::Train)?, load(&source, Split::Test)?.subset(8));
    let normalization = recipe.normalization.ok_or("the file does not say how pixels are normalised")?;

    // Learns from clean images what to expect at other lambdas. Once per network: `sdnet robust recalibrate` stores it.
    let config = RecalibrateConfig { lambdas: vec![0.1, 0.4, 0.7, 1.0], images: 400, ..RecalibrateConfig::default() };
    recalibrate(&mut network, &train, &normalization, &config, &mut || ())?;

    let noises = [(Kind::Gaussian, 0.0), (Kind::Gaussian, 0.2), (Kind::Shot, 6.0), (Kind::Impulse, 0.12)];
    let noisy = (0..8).map(|i| Corruption::new(noises[i % 4].0, noises[i % 4].1)?.image(&test, i, 1));
    test.images = noisy.collect::<sdnet::Result<Vec<_>>>()?.concat();
    let (pixels, labels) = fill_batch(&test, &[0, 1, 2, 3, 4, 5, 6, 7], &normalization, None, 0, 0)?;
    let tape = Tape::idle();
    let noisy = Batch::new([8, 28, 28, 1], pixels)?;
    let x = tape.constant(&noisy.upload(&gpu)?);
    let rule = LambdaRule::label_free(&network)?;
    let ready = rule.prepare(&network, noisy, Pass::eval(&tape))?;

    let trained = network.model().predict(x.value())?.to_vec()?;
    let auto = ready.scores(&network)?.value().to_vec()?;
    let best = |s: &[f32]| (0..10).fold(0, |best, c| if s[c] > s[best] { c } else { best });
    for (i, (label, lambda)) in labels.iter().zip(ready.lambdas.as_ref().ok_or("no lambda")?).enumerate() {
        let [truth, trained, auto] = [*label as usize, best(&trained[10 * i..][..10]), best(&auto[10 * i..][..10])]
            .map(|c| &test.class_names[c]);
        print!("{truth:11} {:8} {:4}: ", noises[i % 4].0, noises[i % 4].1);
        println!("as trained {trained:11} at lambda {lambda:.2} {auto}");
    }
    let csc = network.model().first_sparse_layer().ok_or("no sparse coding layer")?;
    let codes = csc.forward(&ready.passes[0], &ready.images)?;
    let left = csc.residual(&tape, &ready.images, &codes)?;
    let said = tape.add(&ready.images, &tape.scale(&left, -1.0)?)?;
    for (name, shown) in [("noisy", &x), ("repaired", &ready.images), ("reconstruction", &said)] {
        let bytes = shown.value().to_vec()?.iter().map(|v| (255.0 * v * normalization.std[0]).round() as u8).collect();
        let column = image::GrayImage::from_raw(28, 8 * 28, bytes).ok_or("sizes do not match")?;
        resize(&column, 4 * 28, 32 * 28, FilterType::Nearest).save(format!("{folder}/{name}.png"))?;
    }
    Ok(())
}
