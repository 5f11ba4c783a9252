//! `sdnet attack`

mod args;
mod charts;
mod lambdas;
mod names;
mod networks;
mod output;
mod report;
mod session;
mod show;
mod text;

use std::time::Instant;

pub use args::AttackArgs;

use super::console::to_json;
use crate::data::Split;
use crate::error::Result;
use crate::files::check_folder;
use crate::robust::attack::Images;
use lambdas::Lambdas;
use networks::Networks;
use report::Report;
use session::{Found, Session};
use show::Gallery;

pub fn run(options: &AttackArgs) -> Result<()> {
    let balls = options.balls()?;
    options.check()?;
    check_folder(&options.out, &output::FILES)?;
    let largest = balls[balls.len() - 1];
    let config = options.config(largest)?;
    let gpu = options.input.adapter.open()?;
    let target = options.lambda.adapt.load(&options.input.weights, &gpu)?;
    let data = options.input.data.load_for(Split::Test, &target.1)?.subset(options.samples);
    let images = Images::from_dataset(&data)?;
    let networks = Networks::load(options, &gpu, &data, target)?;
    let lambdas = Lambdas::new(options, &networks.target.network, &networks.target.recipe)?;

    let start = Instant::now();
    let report = Report::new(options, &config, &data, &gpu, &networks.target.name, &lambdas);
    let session = Session::new(options, config, &images, &lambdas, report);
    let Found { mut report, shown } = session.run(&balls, &networks)?;
    report.seconds = start.elapsed().as_secs_f64();
    output::write(&report, &options.out)?;
    if let Some(pixels) = shown {
        let title = text::title(&report, largest.epsilon);
        let gallery = Gallery { title, data: &data, images: &images, adversarial: &pixels, batch: options.batch };
        gallery.write(&options.out, &networks.target.at(&lambdas.own))?;
    }
    if options.json {
        say!("{}", to_json(&report)?)?;
    } else {
        say!("{}", text::text(&report))?;
        say!("{:.0} s; figures and pictures in {}", report.seconds, options.out.display())?;
    }
    Ok(())
}
