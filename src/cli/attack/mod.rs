//! `sdnet attack`

mod charts;
mod lambdas;
mod networks;
mod report;
mod show;
mod text;

use std::time::Instant;

use indicatif::ProgressBar;

use super::args::{AttackArgs, AttackMode};
use super::report::{bar, to_json};
use crate::data::{Split, load};
use crate::error::{Error, Result};
use crate::files::create_dir;
use crate::robust::accuracy;
use crate::robust::attack::{self, AttackConfig, Ball, Images, MaskCheck, Method, Norm, Outcome, Target};
use lambdas::{Lambda, Lambdas};
use networks::{Networks, Victim};
use report::{Check, Report, Row, RowMode};
use show::Gallery;

pub fn run(options: &AttackArgs) -> Result<()> {
    let balls = balls(options)?;
    check_mode(options)?;
    let config = config(options, balls[balls.len() - 1])?;
    let gpu = options.adapter.open()?;
    let data = load(&options.data.source(), Split::Test)?.subset(options.samples);
    let images = Images::from_dataset(&data)?;
    let mut networks = Networks::load(options, &gpu, &data)?;
    let lambdas = Lambdas::new(options, &networks.target)?;
    create_dir(&options.out)?;

    let start = Instant::now();
    let report = Report::new(options, &config, &data, &gpu, &networks.target.name, &lambdas);
    let mut session = Session {
        config,
        images: &images,
        batch: options.batch,
        check: !options.no_check,
        bar: bar(1),
        report,
        shown: None,
    };
    session.expect(options.mode, &balls, &lambdas, networks.baseline.is_some());
    session.clean(&mut networks, &lambdas)?;
    for &ball in &balls {
        session.config.ball = ball;
        session.attack_target(options.mode, &mut networks, &lambdas)?;
        session.attack_baseline(&mut networks)?;
    }
    session.bar.finish_and_clear();
    let Session { mut report, shown, .. } = session;
    report.seconds = start.elapsed().as_secs_f64();
    report.write(&options.out)?;
    if let Some(pixels) = shown {
        let title = text::title(&report, balls[balls.len() - 1].epsilon);
        let gallery = Gallery { title, data: &data, images: &images, adversarial: &pixels, batch: options.batch };
        gallery.write(&options.out, &mut networks.target.at(&lambdas.own))?;
    }
    if options.json {
        say!("{}", to_json(&report)?)?;
    } else {
        say!("{}", text::text(&report))?;
        say!("{:.0} s; figures and pictures in {}", report.seconds, options.out.display())?;
    }
    Ok(())
}

/// The balls of `--epsilon`, from the smallest on.
fn balls(options: &AttackArgs) -> Result<Vec<Ball>> {
    let norm = Norm::from(options.norm);
    let default = match norm {
        Norm::Linf => [2.0, 4.0, 8.0].map(|level| level / 255.0),
        Norm::L2 => [0.125, 0.25, 0.5],
    };
    let mut radii = options.epsilon.clone().unwrap_or(default.to_vec());
    radii.iter().try_for_each(|&epsilon| Ball { norm, epsilon }.check())?;
    radii.retain(|epsilon| *epsilon > 0.0);
    ascending(&mut radii);
    if radii.is_empty() {
        return Err(Error::argument("epsilon", 0, "at least one that is not zero is needed"));
    }
    Ok(radii.into_iter().map(|epsilon| Ball { norm, epsilon }).collect())
}

/// Without those that occur before.
fn ascending(values: &mut Vec<f32>) {
    values.sort_by(f32::total_cmp);
    values.dedup();
}

fn check_mode(options: &AttackArgs) -> Result<()> {
    match (options.mode, &options.source) {
        (AttackMode::TransferModel, None) => {
            Err(Error::argument("source", "none", "--mode transfer-model needs the weights that attacks are made on"))
        }
        (AttackMode::Adaptive | AttackMode::TransferLambda, Some(path)) => {
            Err(Error::argument("source", path.display(), "is for --mode transfer-model"))
        }
        _ if options.samples == 0 => Err(Error::argument("samples", 0, "at least one image is needed")),
        _ if options.batch == 0 => Err(Error::argument("batch", 0, "at least one image a pass is needed")),
        _ => Ok(()),
    }
}

fn config(options: &AttackArgs, ball: Ball) -> Result<AttackConfig> {
    let config = AttackConfig {
        method: options.attack.into(),
        ball,
        steps: options.steps,
        step_size: options.step_size,
        momentum: options.momentum,
        restarts: options.restarts,
        random_start: !options.no_random_start,
        draws: options.draws,
        queries: 1,
        seed: options.seed,
    };
    let config = AttackConfig { queries: options.queries.unwrap_or(config.cost_in_queries()), ..config };
    config.check()?;
    Ok(config)
}

/// What is done so far.
struct Session<'a> {
    config: AttackConfig,
    images: &'a Images,
    batch: usize,
    check: bool,
    bar: ProgressBar,
    report: Report,
    /// Adversarial images at the network's own lambda, of the last ball.
    shown: Option<Vec<f32>>,
}

impl Session<'_> {
    /// Sets the bar to the number of attacks that are to come.
    fn expect(&self, mode: AttackMode, balls: &[Ball], lambdas: &Lambdas, baseline: bool) {
        let of_target = match mode {
            AttackMode::Adaptive => lambdas.all.len() * (1 + usize::from(self.checks())),
            AttackMode::TransferLambda | AttackMode::TransferModel => 1,
        };
        self.bar.set_length((balls.len() * (of_target + usize::from(baseline)) * self.images.len()) as u64);
        self.bar.set_prefix("images attacked");
    }

    /// Whether a random search goes with an adaptive attack.
    fn checks(&self) -> bool {
        self.check && self.config.method != Method::Random
    }

    fn clean(&mut self, networks: &mut Networks, lambdas: &Lambdas) -> Result<()> {
        let images = self.images;
        for lambda in &lambdas.all {
            let row = Row::new(RowMode::Clean, &networks.target.name, &lambda.name);
            self.judge(&mut networks.target.at(lambda), images.pixels(), row)?;
        }
        if let Some(baseline) = &mut networks.baseline {
            let row = Row::new(RowMode::Clean, &baseline_name(baseline), report::TRAINED);
            self.judge(&mut baseline.as_trained(), images.pixels(), row)?;
        }
        Ok(())
    }

    fn attack_target(&mut self, mode: AttackMode, networks: &mut Networks, lambdas: &Lambdas) -> Result<()> {
        match (mode, &mut networks.source) {
            (AttackMode::Adaptive, _) => {
                lambdas.all.iter().try_for_each(|lambda| self.adaptive(&mut networks.target, lambda, &lambdas.own))
            }
            (AttackMode::TransferModel, Some(source)) => {
                let outcome = self.attack(&mut source.as_trained(), self.config)?;
                let made = (format!("source {}", source.name), report::TRAINED);
                self.transferred(outcome, RowMode::TransferModel, made, &mut networks.target, lambdas)
            }
            _ => {
                let outcome = self.attack(&mut networks.target.at(&lambdas.own), self.config)?;
                let made = (networks.target.name.clone(), &*lambdas.own.name);
                self.transferred(outcome, RowMode::TransferLambda, made, &mut networks.target, lambdas)
            }
        }
    }

    /// The attack at a lambda judged at the same, and the search that checks it.
    fn adaptive(&mut self, victim: &mut Victim, lambda: &Lambda, own: &Lambda) -> Result<()> {
        let row = Row::new(RowMode::Adaptive, &victim.name, &lambda.name);
        let outcome = self.attack(&mut victim.at(lambda), self.config)?;
        self.note(row.clone(), outcome.accuracy());
        if self.checks() {
            let config = AttackConfig { method: Method::Random, ..self.config };
            let search = self.attack(&mut victim.at(lambda), config)?;
            let found = MaskCheck::new(&outcome.verdicts, &search.verdicts)?;
            self.note(Row { mode: RowMode::Check, ..row }, search.accuracy());
            let (epsilon, lambda) = (self.config.ball.epsilon, lambda.name.clone());
            self.report.checks.push(Check { lambda, epsilon, queries: config.queries, found });
        }
        if lambda == own {
            self.shown = Some(outcome.pixels);
        }
        Ok(())
    }

    /// Judges what was made elsewhere at every lambda.
    fn transferred(
        &mut self,
        outcome: Outcome,
        mode: RowMode,
        (made_on, made_at): (String, &str),
        victim: &mut Victim,
        lambdas: &Lambdas,
    ) -> Result<()> {
        for lambda in &lambdas.all {
            let row = Row::new(mode, &victim.name, &lambda.name);
            let row = Row { made_on: made_on.clone(), made_at: made_at.to_owned(), ..row };
            self.judge(&mut victim.at(lambda), &outcome.pixels, row)?;
        }
        self.shown = Some(outcome.pixels);
        Ok(())
    }

    /// The network that is compared with, attacked through its own gradients.
    fn attack_baseline(&mut self, networks: &mut Networks) -> Result<()> {
        let Some(baseline) = &mut networks.baseline else { return Ok(()) };
        let row = Row::new(RowMode::Adaptive, &baseline_name(baseline), report::TRAINED);
        let outcome = self.attack(&mut baseline.as_trained(), self.config)?;
        self.note(row, outcome.accuracy());
        Ok(())
    }

    fn attack(&self, target: &mut Target, config: AttackConfig) -> Result<Outcome> {
        attack::run(target, self.images, &config, self.batch, &mut |images| self.bar.inc(images as u64))
    }

    fn judge(&mut self, target: &mut Target, pixels: &[f32], row: Row) -> Result<()> {
        let verdicts = attack::judge(target, self.images, pixels, self.batch)?;
        self.note(row, accuracy(&verdicts));
        Ok(())
    }

    fn note(&mut self, row: Row, accuracy: f64) {
        let epsilon = if row.mode == RowMode::Clean { 0.0 } else { self.config.ball.epsilon };
        let attack = if row.mode == RowMode::Check { Method::Random } else { self.config.method };
        let (norm, images) = (self.config.ball.norm, self.images.len());
        self.report.rows.push(Row { epsilon, attack, norm, images, accuracy, ..row });
    }
}

fn baseline_name(victim: &Victim) -> String {
    format!("baseline {}", victim.name)
}
