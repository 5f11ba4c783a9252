//! A family of models of one's own, two sparse coding layers and a linear one: trained, saved and loaded by the library.
//!
//!     cargo run --release --example lista [WEIGHTS.safetensors]

use sdnet::checkpoint::{self, Attachments, Recipe};
use sdnet::data::{Normalization, Split, bundled};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{Csc, CscConfig, Linear, Part, PartMut, Pass, Path, Walk};
use sdnet::models::{Architecture, Model};
use sdnet::shape::Geometry;
use sdnet::tape::Var;
use sdnet::tensor::Tensor;
use sdnet::train::{TrainConfig, Trainer};

#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Config {
    atoms: [usize; 2],
}

/// Images of 28 x 28 grey pixels to codes of 14 x 14, to codes of 7 x 7, to ten scores.
struct Lista {
    config: Config,
    layers: [Csc; 2],
    linear: Linear,
}

impl Walk for Lista {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        self.layers.iter().enumerate().for_each(|(i, csc)| csc.visit(&path.child(i), meet));
        self.linear.visit(&path.child("linear"), meet);
    }
    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        self.layers.iter_mut().enumerate().for_each(|(i, csc)| csc.visit_mut(&path.child(i), meet));
    }
}

impl Model for Lista {
    fn gpu(&self) -> &Gpu {
        self.linear.weight.gpu()
    }
    fn name(&self) -> String {
        "lista".into()
    }
    fn in_channels(&self) -> usize {
        1
    }
    fn classes(&self) -> usize {
        10
    }
    fn features(&self, pass: &Pass, images: &Var) -> sdnet::Result<Var> {
        let codes = self.layers.iter().try_fold(images.clone(), |x, csc| csc.forward(pass, &x))?;
        let samples = codes.value().shape()[0];
        pass.tape().reshape(&codes, &[samples, codes.value().len() / samples])
    }
    fn head(&self, pass: &Pass, features: &Var) -> sdnet::Result<Var> {
        self.linear.forward(pass, features)
    }
    fn is_head(&self, name: &str) -> bool {
        name.starts_with("linear.")
    }
}

impl Architecture for Lista {
    type Config = Config;
    fn build(gpu: &Gpu, config: &Config) -> sdnet::Result<Self> {
        let how = CscConfig { geometry: Geometry::square(2, 1), iterations: 3, ..CscConfig::default() };
        let csc = |shape: [usize; 4]| Csc::new(Tensor::uninitialized(gpu, "a dictionary", &shape)?, how);
        let [first, second] = config.atoms;
        let layers = [csc([first, 4, 4, 1])?, csc([second, 4, 4, first])?];
        Ok(Self { config: config.clone(), layers, linear: Linear::new(gpu, 7 * 7 * second, 10)? })
    }
    fn config(&self) -> &Config {
        &self.config
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).unwrap_or("lista.safetensors".into());
    let gpu = Gpu::open(&GpuOptions::default())?;
    let (train, test) = (bundled(Split::Train)?.subset(640), bundled(Split::Test)?.subset(100));
    let recipe = Recipe { model: Config { atoms: [8, 16] }, ..Recipe::default() };
    let config = TrainConfig { epochs: 2, batch: 32, learning_rate: 0.05, ..TrainConfig::default() };
    let mut trainer = Trainer::<Lista>::new(&gpu, recipe, config)?;
    trainer.run(&train, &test, &|| false, &mut |_, _| Ok(()))?;
    let losses = trainer.progress().history.iter().map(|epoch| epoch.train_loss).collect::<Vec<_>>();
    assert!(losses[1] < losses[0], "the loss did not fall: {losses:?}");
    println!("the loss fell from {:.3} in the first epoch to {:.3} in the second", losses[0], losses[1]);

    checkpoint::save(path.as_ref(), trainer.model(), trainer.recipe(), &Attachments::new())?;
    let loaded = checkpoint::load::<Lista>(path.as_ref(), &gpu, None)?.model;
    let pixels = Normalization::default_for(&test.name, 1).apply(&test.images);
    let images = Tensor::from_slice(&gpu, &[100, 28, 28, 1], &pixels)?;
    let (before, after) = (trainer.model().predict(&images)?.to_vec()?, loaded.predict(&images)?.to_vec()?);
    assert!(before == after, "the loaded model says something else");
    println!("the loaded model says what the trained one says");
    Ok(())
}
