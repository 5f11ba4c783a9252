//! What a trained network takes to be like one image, and which part of it counts.
//!
//!     cargo run --release --example interpret [INDEX [WEIGHTS.safetensors]]

use sdnet::checkpoint;
use sdnet::data::{Split, bundled};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::interpret::{InterpretConfig, Maps, interpret};
use sdnet::models::{Network, Stage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let index = std::env::args().nth(1).map_or(Ok(0), |text| text.parse::<usize>())?;
    let trained = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let weights = std::env::args().nth(2).unwrap_or_else(|| trained.into());
    let gpu = Gpu::open(&GpuOptions::default())?;
    let checkpoint = checkpoint::load::<Network>(weights.as_ref(), &gpu, None)?;
    let (network, recipe) = (&checkpoint.model, &checkpoint.recipe);
    let normalization = recipe.normalization.clone().ok_or("the file does not say how pixels are normalised")?;

    // Maps behind layer3: of images for reference, whose labels are not used, and of others.
    let (train, test) = (bundled(Split::Train)?.subset(400), bundled(Split::Test)?.subset(200));
    let maps = |data| Maps::of(network, Stage::Layer3, data, &normalization, 50, &mut |_| {});
    let (reference, held_out) = (maps(&train)?, maps(&test)?);
    let image = if index < held_out.len() { held_out.get(index) } else { return Err("there are 200 images".into()) };

    let found = interpret(network, &image, &reference, &InterpretConfig::default())?;
    let class = recipe.class_name(found.class);
    println!("{class}: {} of {} boundaries enclose it", found.cover.kept.len(), found.boundaries.len());
    for (name, maps) in [("reference", &reference), ("held-out", &held_out)] {
        let judged = found.judged(maps);
        let [coverage, purity] = [judged.coverage(), judged.purity()].map(|share| 100.0 * share.unwrap_or(0.0));
        println!("they cover {coverage:.1} % of its class at purity {purity:.1} % on {} {name} images", maps.len());
    }
    for similar in found.similar(&reference, 3) {
        let label = recipe.class_name(train.labels[similar.index].into());
        println!("similar: image {}, {label}, distance {:.2}", similar.index, similar.distance);
    }

    // Where the boundaries look: brighter characters are hotter.
    let heat = found.heat(image.map, [test.height, test.width]);
    let shade = |heat: &f32| char::from(b" .:-=+*#%@"[(10.0 * heat).clamp(0.0, 9.0) as usize]);
    for row in heat.chunks_exact(test.width) {
        println!("{}", row.iter().map(shade).collect::<String>());
    }
    Ok(())
}
