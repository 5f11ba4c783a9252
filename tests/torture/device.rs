//! A device that is lost.

use sdnet::checkpoint::{Attachments, Recipe, save};
use sdnet::error::Error;
use sdnet::models::{Architecture, Model};
use sdnet::ops::SgdRule;
use sdnet::train::TrainStep;

use crate::setting::*;

#[test]
fn a_lost_device_is_an_error_wherever_a_step_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    // At the start of a step, with a step recorded but not sent, sent but not awaited, and at a read-back.
    for moment in 0..4 {
        let gpu = open();
        let (network, images) = network(&gpu);
        let recipe = Recipe { model: network.config().clone(), ..Recipe::default() };
        save(&path, &network, &recipe, &Attachments::new()).unwrap();
        let before = std::fs::read(&path).unwrap();
        let step = TrainStep::new(SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true }, &network).unwrap();
        let run = || step.run(&network, &images, &[0, 3], 0.01);
        let pending = match moment {
            0 => None,
            1 => Some(run().unwrap()),
            _ => {
                let metrics = run().unwrap();
                gpu.submit().unwrap();
                Some(metrics)
            }
        };
        let reading = (moment == 3).then(|| pending.as_ref().unwrap().read().unwrap());
        gpu.destroy();
        let lost =
            |error: Option<Error>| assert!(matches!(error, Some(Error::DeviceLost { .. })), "{moment}: {error:?}");
        if let Some(reading) = reading {
            lost(reading.wait().err());
        }
        if let Some(metrics) = pending {
            lost(metrics.to_vec().err());
        }
        lost(run().and_then(|metrics| metrics.to_vec()).err());
        lost(network.predict(&images).and_then(|scores| scores.to_vec()).err());
        lost(gpu.wait().err());
        // Nothing half-written.
        lost(save(&path, &network, &recipe, &Attachments::new()).err());
        assert!(std::fs::read(&path).unwrap() == before);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
