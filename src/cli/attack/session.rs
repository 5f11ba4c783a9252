//! The attacks, one after the other.

use indicatif::ProgressBar;

use super::args::{AttackArgs, AttackMode};
use super::lambdas::{Lambda, Lambdas, TRAINED};
use super::networks::{Networks, Victim};
use super::report::{Check, Place, Report, Row, RowMode};
use crate::cli::console::bar;
use crate::error::Result;
use crate::robust::accuracy;
use crate::robust::attack::{self, AttackConfig, AttackOutcome, Ball, Images, MaskCheck, Method, Target};

/// Attacks that are under way.
pub struct Session<'a> {
    options: &'a AttackArgs,
    /// The attack, in the current ball.
    config: AttackConfig,
    images: &'a Images,
    lambdas: &'a Lambdas,
    bar: ProgressBar,
    found: Found,
}

/// What the attacks have found.
pub struct Found {
    pub report: Report,
    /// Adversarial images at the network's own lambda, in the last ball.
    pub shown: Option<Vec<f32>>,
}

impl<'a> Session<'a> {
    /// Attacks that are yet to be made, with a report that has no rows.
    pub fn new(
        options: &'a AttackArgs,
        config: AttackConfig,
        images: &'a Images,
        lambdas: &'a Lambdas,
        report: Report,
    ) -> Self {
        Self { options, config, images, lambdas, bar: bar(1), found: Found { report, shown: None } }
    }

    /// Judges clean images, then makes and judges the attacks in each ball.
    pub fn run(mut self, balls: &[Ball], networks: &Networks) -> Result<Found> {
        self.bar.set_length(self.images_to_attack(balls.len(), networks.baseline.is_some()) as u64);
        self.bar.set_prefix("images attacked");
        self.judge_clean(networks)?;
        for &ball in balls {
            self.config.ball = ball;
            self.attack_target(networks)?;
            self.attack_baseline(networks)?;
        }
        self.bar.finish_and_clear();
        Ok(self.found)
    }

    fn images_to_attack(&self, balls: usize, baseline: bool) -> usize {
        let of_target = match self.options.mode {
            AttackMode::Adaptive => self.lambdas.all.len() * (1 + usize::from(self.options.checks())),
            AttackMode::TransferLambda | AttackMode::TransferModel => 1,
        };
        balls * (of_target + usize::from(baseline)) * self.images.len()
    }

    fn judge_clean(&mut self, networks: &Networks) -> Result<()> {
        let (images, lambdas) = (self.images, self.lambdas);
        for lambda in &lambdas.all {
            let accuracy = self.judge(&networks.target.at(lambda), images.pixels())?;
            let place = Place::new(&networks.target.name, &lambda.name);
            self.note(RowMode::Clean, &place, &place, accuracy);
        }
        if let Some(baseline) = &networks.baseline {
            let accuracy = self.judge(&baseline.as_trained(), images.pixels())?;
            let place = Place::new(&baseline.name, TRAINED);
            self.note(RowMode::Clean, &place, &place, accuracy);
        }
        Ok(())
    }

    fn attack_target(&mut self, networks: &Networks) -> Result<()> {
        let lambdas = self.lambdas;
        let target = &networks.target;
        match (self.options.mode, &networks.source) {
            (AttackMode::Adaptive, _) => lambdas.all.iter().try_for_each(|lambda| self.adaptive(target, lambda)),
            (AttackMode::TransferModel, Some(source)) => {
                let outcome = self.attack(&source.as_trained(), self.config)?;
                self.transferred(outcome, RowMode::TransferModel, &Place::new(&source.name, TRAINED), target)
            }
            _ => {
                let outcome = self.attack(&target.at(&lambdas.own), self.config)?;
                let made = Place::new(&target.name, &lambdas.own.name);
                self.transferred(outcome, RowMode::TransferLambda, &made, target)
            }
        }
    }

    /// Makes and judges an attack at the same lambda, and checks it against a random search.
    fn adaptive(&mut self, victim: &Victim, lambda: &Lambda) -> Result<()> {
        let place = Place::new(&victim.name, &lambda.name);
        let outcome = self.attack(&victim.at(lambda), self.config)?;
        self.note(RowMode::Adaptive, &place, &place, outcome.accuracy());
        if self.options.checks() {
            let config = AttackConfig { method: Method::Random, ..self.config };
            let search = self.attack(&victim.at(lambda), config)?;
            let found = MaskCheck::new(&outcome.verdicts, &search.verdicts)?;
            self.note(RowMode::Check, &place, &place, search.accuracy());
            let (epsilon, lambda) = (self.config.ball.epsilon, lambda.name.clone());
            self.found.report.checks.push(Check { lambda, epsilon, queries: config.queries, found });
        }
        if *lambda == self.lambdas.own {
            self.found.shown = Some(outcome.pixels);
        }
        Ok(())
    }

    /// Judges, at every lambda, an attack that was made elsewhere.
    fn transferred(&mut self, outcome: AttackOutcome, mode: RowMode, made: &Place, victim: &Victim) -> Result<()> {
        for lambda in &self.lambdas.all {
            let accuracy = self.judge(&victim.at(lambda), &outcome.pixels)?;
            self.note(mode, made, &Place::new(&victim.name, &lambda.name), accuracy);
        }
        self.found.shown = Some(outcome.pixels);
        Ok(())
    }

    /// Attacks the network to compare with, through its own gradients.
    fn attack_baseline(&mut self, networks: &Networks) -> Result<()> {
        let Some(baseline) = &networks.baseline else { return Ok(()) };
        let outcome = self.attack(&baseline.as_trained(), self.config)?;
        let place = Place::new(&baseline.name, TRAINED);
        self.note(RowMode::Adaptive, &place, &place, outcome.accuracy());
        Ok(())
    }

    fn attack(&self, target: &Target, config: AttackConfig) -> Result<AttackOutcome> {
        attack::run(target, self.images, &config, self.options.batch, &mut |images| self.bar.inc(images as u64))
    }

    /// Share of the images that the target gets right with these pixels.
    fn judge(&self, target: &Target, pixels: &[f32]) -> Result<f64> {
        Ok(accuracy(&attack::judge(target, self.images, pixels, self.options.batch)?))
    }

    fn note(&mut self, mode: RowMode, made: &Place, judged: &Place, accuracy: f64) {
        self.found.report.rows.push(Row {
            mode,
            attack: if mode == RowMode::Check { Method::Random } else { self.config.method },
            norm: self.config.ball.norm,
            network: judged.network.clone(),
            made_on: made.network.clone(),
            made_at: made.lambda.clone(),
            judged_at: judged.lambda.clone(),
            epsilon: if mode == RowMode::Clean { 0.0 } else { self.config.ball.epsilon },
            images: self.images.len(),
            accuracy,
        });
    }
}
