//! Trains a small SDNet on some of the bundled images, with nothing but the library.
//!
//!     cargo run --release --example train_small

use sdnet::checkpoint::Recipe;
use sdnet::data::{DataSource, Normalization, Split, load};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::models::{ModelConfig, Network};
use sdnet::train::{Event, TrainConfig, Trainer};

fn main() -> sdnet::Result<()> {
    let gpu = Gpu::open(&GpuOptions::default())?;
    let source = DataSource { name: "fashion-mnist-small".into(), ..DataSource::default() };
    let (train, test) = (load(&source, Split::Train)?, load(&source, Split::Test)?.subset(200));

    let recipe = Recipe {
        model: ModelConfig { width: 4, in_channels: 1, ..ModelConfig::named("sdnet18")? },
        normalization: Some(Normalization::default_for(&train.name, 1)),
        ..Recipe::default()
    };
    let config = TrainConfig { epochs: 1, batch: 32, learning_rate: 0.05, steps: Some(60), ..TrainConfig::default() };
    let mut trainer = Trainer::<Network>::new(&gpu, recipe, config)?;
    trainer.run(&train, &test, &|| false, &mut |trainer, event| {
        match event {
            Event::Step { .. } => {
                let tally = trainer.progress().tally;
                if tally.samples % 320 == 0 {
                    println!("{:4} images: mean loss {:.3}", tally.samples, tally.mean_loss());
                }
            }
            Event::Save => {}
            Event::Epoch { record, .. } => println!("test accuracy {:.1} %", 100.0 * record.test_accuracy),
        }
        Ok(())
    })
}
