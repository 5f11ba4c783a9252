//! `sdnet eval`

use std::time::Instant;

use super::args::{DataArgs, EvalArgs};
use crate::checkpoint;
use crate::data::{Dataset, Normalization, Split, load};
use crate::error::{Error, Result};
use crate::train::evaluate;

pub fn run(options: &EvalArgs) -> Result<()> {
    let lambda = options.weights.lambda()?;
    if options.batch == 0 {
        return Err(Error::argument("batch", 0, "at least one image a pass is needed"));
    }
    let gpu = options.adapter.open()?;
    let (mut network, recipe) = checkpoint::load(&options.weights.weights, &gpu, options.weights.foreign()?.as_ref())?;
    let data = load(&options.data.source(), Split::Test)?;
    let normalization = normalization(&options.data, &data, recipe.normalization)?;
    let start = Instant::now();
    let tally = evaluate(&mut network, &data, &normalization, options.batch, lambda)?;
    let images_per_s = tally.samples as f64 / start.elapsed().as_secs_f64();
    let (loss, top1, top5) = (tally.mean_loss(), tally.accuracy(), tally.top5_accuracy());
    if options.json {
        let figures = serde_json::json!({
            "weights": options.weights.weights, "data": data.name, "images": tally.samples, "lambda": lambda,
            "loss": loss, "top1": top1, "top5": top5, "images_per_s": images_per_s, "adapter": gpu.adapter().name,
        });
        println!("{figures}");
    } else {
        println!(
            "{} on {} images of {}: top-1 {:.2} %, top-5 {:.2} %, loss {loss:.4}, {images_per_s:.0} images/s on {}",
            recipe.model.name(),
            tally.samples,
            data.name,
            100.0 * top1,
            100.0 * top5,
            gpu.adapter().name,
        );
    }
    Ok(())
}

/// `--mean` and `--std` where given, else what the weights file says, else the data's own.
pub fn normalization(options: &DataArgs, data: &Dataset, recorded: Option<Normalization>) -> Result<Normalization> {
    let base = recorded.unwrap_or_else(|| Normalization::default_for(&data.name, data.channels));
    let per_channel = |name: &'static str, given: &Option<Vec<f32>>, base: Vec<f32>| match given.as_deref() {
        None => Ok(base),
        Some([one]) => Ok(vec![*one; data.channels]),
        Some(all) if all.len() == data.channels => Ok(all.to_vec()),
        Some(all) => {
            let reason = format!("one number, or one for each of {} channels", data.channels);
            Err(Error::argument(name, format!("{all:?}"), reason))
        }
    };
    let mean = per_channel("mean", &options.mean, base.mean)?;
    let std = per_channel("std", &options.std, base.std)?;
    let normalization = Normalization { mean, std };
    normalization.check(data.channels)?;
    Ok(normalization)
}
