//! Training on images that are decoded whenever they are wanted.

use std::fs;
use std::num::NonZero;
use std::path::Path;

use image::{Rgb, RgbImage};
use sdnet::checkpoint::{Recipe, tensors};
use sdnet::data::{Augment, DataSource, Dataset, Pixels, Split, load};
use sdnet::error::{Error, Result};
use sdnet::files::NamedTensors;
use sdnet::models::{ModelConfig, Network};
use sdnet::train::{Event, TrainConfig, Trainer};

use crate::support::gpu;

/// 20 pictures to train on and 4 to test on, of two classes.
fn pictures() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (split, count) in [("train", 20), ("val", 4)] {
        for i in 0..count {
            let class = dir.path().join(split).join(["a", "b"][i as usize * 2 / count as usize]);
            fs::create_dir_all(&class).unwrap();
            let pixel = |x: u32, y: u32| Rgb([(x * 9 + i * 13) as u8, (y * 5 + i * 7) as u8, (x * y) as u8]);
            RgbImage::from_fn(18 + i, 25, pixel).save(class.join(format!("{i:02}.png"))).unwrap();
        }
    }
    dir
}

fn read(dir: &Path, pixels: Pixels, workers: usize) -> [Dataset; 2] {
    let source = DataSource {
        name: dir.display().to_string(),
        size: Some([8, 8]),
        pixels: Some(pixels),
        workers: NonZero::new(workers),
        ..DataSource::default()
    };
    [Split::Train, Split::Test].map(|split| load(&source, split).unwrap())
}

fn start(data: &Dataset, changes: TrainConfig) -> Trainer {
    let model = ModelConfig { width: 2, classes: 2, ..ModelConfig::named("resnet18").unwrap() };
    let augment = Some(Augment::usual_for(data));
    let config = TrainConfig { batch: 2, learning_rate: 0.05, augment, ..changes };
    Trainer::<Network>::new(gpu(), Recipe::of(model), config).unwrap()
}

/// The weights after two epochs with everything that depends on the number of an image or a batch.
fn trained([train, test]: &[Dataset; 2]) -> NamedTensors {
    let changes = TrainConfig { epochs: 2, erase: 0.3, mixup: Some(0.4), accumulate: 3, ..TrainConfig::default() };
    let mut trainer = start(train, changes);
    trainer
        .run(train, test, &|| false, &mut |_, event| {
            if let Event::Epoch { record, .. } = event {
                assert!((0.0..=1.0).contains(&record.data_wait) && record.data_wait > 0.0, "{record:?}");
            }
            Ok(())
        })
        .unwrap();
    tensors(trainer.model()).unwrap()
}

#[test]
fn weights_are_those_of_held_images_by_any_number_of_threads() {
    let dir = pictures();
    let want = trained(&read(dir.path(), Pixels::Held, 1));
    for workers in [1, 2, 5] {
        assert!(trained(&read(dir.path(), Pixels::Streamed, workers)) == want, "{workers} threads");
    }
}

#[test]
fn a_resumed_training_on_streamed_images_ends_as_if_it_had_not_stopped() -> Result<()> {
    let (dir, out) = (pictures(), tempfile::tempdir().unwrap());
    let path = out.path().join("training.safetensors");
    let [train, test] = read(dir.path(), Pixels::Streamed, 2);
    let changes = || TrainConfig { epochs: 2, ..TrainConfig::default() };
    let mut whole = start(&train, changes());
    whole.run(&train, &test, &|| false, &mut |_, _| Ok(()))?;
    let mut part = start(&train, changes());
    // Stops in the first epoch.
    let steps = std::cell::Cell::new(0);
    let stop = || {
        steps.set(steps.get() + 1);
        steps.get() == 4
    };
    part.run(&train, &test, &stop, &mut |_, _| Ok(()))?;
    assert_eq!((part.progress().step, part.progress().epoch), (4, 0));
    part.save(&path)?;
    let mut rest = Trainer::<Network>::resume(gpu(), &path)?;
    rest.run(&train, &test, &|| false, &mut |_, _| Ok(()))?;
    assert!(tensors(rest.model())? == tensors(whole.model())?);
    // Other images, and those that cannot be compared, are refused.
    let resume = |data: &[Dataset; 2]| {
        let mut rest = Trainer::<Network>::resume(gpu(), &path).unwrap();
        rest.run(&data[0], &data[1], &|| false, &mut |_, _| Ok(())).unwrap_err().to_string()
    };
    let error = resume(&read(dir.path(), Pixels::Held, 1));
    assert!(error.starts_with("pixels = held"), "{error}");
    fs::rename(dir.path().join("train/a/00.png"), dir.path().join("train/a/0.png")).unwrap();
    let error = resume(&read(dir.path(), Pixels::Streamed, 1));
    assert!(error.contains("not the images"), "{error}");
    Ok(())
}

#[test]
fn a_file_damaged_in_the_middle_of_a_training_ends_it_by_name() {
    for gone in [false, true] {
        let (dir, out) = (pictures(), tempfile::tempdir().unwrap());
        let path = out.path().join("training.safetensors");
        let [train, test] = read(dir.path(), Pixels::Streamed, 3);
        let changes = TrainConfig { epochs: 1, shuffle: false, save_every: Some(2), ..TrainConfig::default() };
        let mut trainer = start(&train, changes);
        let mut saved = 0;
        // The images of the last of ten batches; at most five batches are made before the first save.
        let victim = dir.path().join("train/b/19.png");
        let error = trainer.run(&train, &test, &|| false, &mut |trainer, event| {
            if let Event::Save = event {
                saved = trainer.progress().step;
                trainer.save(&path)?;
                if gone {
                    let _ = fs::remove_file(&victim);
                } else {
                    fs::write(&victim, [0x89, b'P', b'N', b'G']).map_err(|e| Error::io(&victim, e))?;
                }
            }
            Ok(())
        });
        let error = error.unwrap_err();
        let named = match &error {
            Error::File { path, .. } | Error::Io { path, .. } => *path == victim,
            _ => false,
        };
        assert!(named, "{error}");
        assert_eq!(saved, 8, "the last save before the tenth step");
        let resumed = Trainer::<Network>::resume(gpu(), &path).unwrap();
        assert_eq!(resumed.progress().step, 8);
    }
}
