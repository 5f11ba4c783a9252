//! What `sdnet attack` has found, row by row.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::args::{AttackArgs, AttackMode};
use super::lambdas::{Lambdas, TRAINED};
use crate::data::Dataset;
use crate::gpu::Gpu;
use crate::robust::attack::{AttackConfig, MaskCheck, Method, Norm};

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowMode {
    /// Clean images.
    Clean,
    /// Made and judged at the same lambda, on the same network.
    Adaptive,
    /// Made at one lambda of the network, judged at another.
    TransferLambda,
    /// Made on another network.
    TransferModel,
    /// Made like the adaptive one, but by a random search.
    Check,
}

/// How many images a network still gets right.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub mode: RowMode,
    pub attack: Method,
    pub norm: Norm,
    /// The network that is judged.
    pub network: String,
    /// The network that the attack was made on.
    pub made_on: String,
    /// The lambda that the attack was made at, a number or the name of a rule.
    pub made_at: String,
    /// The lambda that the network is judged at, a number or the name of a rule.
    pub judged_at: String,
    pub epsilon: f32,
    pub images: usize,
    pub accuracy: f64,
}

/// A network at a lambda, by their names.
pub struct Place {
    pub network: String,
    pub lambda: String,
}

impl Place {
    pub fn new(network: &str, lambda: &str) -> Self {
        Self { network: network.to_owned(), lambda: lambda.to_owned() }
    }
}

/// How an attack by gradients compares with a random search.
#[derive(Debug, Serialize)]
pub struct Check {
    pub lambda: String,
    pub epsilon: f32,
    pub queries: usize,
    #[serde(flatten)]
    pub found: MaskCheck,
}

/// What was attacked, how, and what came of it.
#[derive(Debug, Serialize)]
pub struct Report {
    pub weights: String,
    pub network: String,
    /// The lambda of `--lambda`.
    pub lambda: String,
    /// The names of the lambdas to judge at, with their values as far as they are numbers.
    pub lambdas: BTreeMap<String, Option<f32>>,
    pub source: Option<String>,
    pub baseline: Option<String>,
    pub data: String,
    pub images: usize,
    pub adapter: String,
    pub mode: AttackMode,
    pub attack: Method,
    pub norm: Norm,
    pub steps: usize,
    /// Length of a step, if one was given in place of 2.5 epsilon / steps.
    pub step_size: Option<f32>,
    pub restarts: usize,
    pub momentum: f32,
    pub random_start: bool,
    pub draws: usize,
    pub targets: usize,
    pub queries: usize,
    pub seed: u64,
    pub rows: Vec<Row>,
    pub checks: Vec<Check>,
    pub seconds: f64,
}

impl Report {
    pub fn new(
        options: &AttackArgs,
        config: &AttackConfig,
        data: &Dataset,
        gpu: &Gpu,
        network: &str,
        lambdas: &Lambdas,
    ) -> Self {
        let path = |path: &Path| path.display().to_string();
        Self {
            weights: path(&options.input.weights.path),
            network: network.to_owned(),
            lambda: lambdas.own.name.clone(),
            lambdas: lambdas.all.iter().map(|l| (l.name.clone(), l.value)).collect(),
            source: options.source.as_deref().map(path),
            baseline: options.baseline.as_deref().map(path),
            data: data.name.clone(),
            images: data.len(),
            adapter: gpu.adapter().name.clone(),
            mode: options.mode,
            attack: config.method,
            norm: config.ball.norm,
            steps: config.steps,
            step_size: config.step_size,
            restarts: config.restarts,
            momentum: config.momentum,
            random_start: config.random_start,
            draws: config.draws,
            targets: config.targets,
            queries: config.queries,
            seed: config.seed,
            rows: Vec::new(),
            checks: Vec::new(),
            seconds: 0.0,
        }
    }

    /// The rows of the attack itself and of clean images, without those of the random search.
    fn judged(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| r.mode != RowMode::Check)
    }

    /// Each network at each lambda that was judged, in order.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let clean = self.rows.iter().filter(|r| r.mode == RowMode::Clean);
        clean.map(|r| Line { report: self, network: &r.network, lambda: &r.judged_at }).collect()
    }

    /// The name of the line for the lambda of `--lambda`.
    pub fn own_name(&self) -> String {
        Line { report: self, network: &self.network, lambda: &self.lambda }.name()
    }

    /// The radii, from 0 on.
    pub fn epsilons(&self) -> Vec<f32> {
        let mut all = self.judged().map(|r| r.epsilon).collect::<Vec<_>>();
        all.sort_by(f32::total_cmp);
        all.dedup();
        all
    }
}

/// A network at a lambda.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    report: &'a Report,
    network: &'a str,
    lambda: &'a str,
}

impl Line<'_> {
    /// Accuracy in percent within this radius, if it was judged there.
    pub fn accuracy(&self, epsilon: f32) -> Option<f64> {
        let of_line = |r: &&Row| r.network == self.network && r.judged_at == self.lambda && r.epsilon == epsilon;
        self.report.judged().find(of_line).map(|r| 100.0 * r.accuracy)
    }

    /// Whether this is the baseline.
    pub fn is_baseline(&self) -> bool {
        self.network != self.report.network
    }

    /// The value of the lambda, if it is a number.
    pub fn value(&self) -> Option<f32> {
        self.report.lambdas.get(self.lambda).copied().flatten().filter(|_| !self.is_baseline())
    }

    pub fn name(&self) -> String {
        match self.value() {
            _ if self.is_baseline() => self.network.to_owned(),
            Some(value) if self.lambda == TRAINED => format!("lambda {value} ({TRAINED})"),
            None if self.lambda == TRAINED => self.network.to_owned(),
            _ => format!("lambda {}", self.lambda),
        }
    }
}
