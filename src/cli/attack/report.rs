//! What `sdnet attack` has found, as JSON and CSV.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::super::args::{AttackArgs, AttackMode};
use super::super::pictures::chart_svg;
use super::super::report::to_json;
use super::{Lambdas, charts};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::files::write_bytes;
use crate::gpu::Gpu;
use crate::robust::attack::{AttackConfig, MaskCheck, Method, Norm};

/// The lambda that a network was trained at.
pub const TRAINED: &str = "trained";

/// What a row of figures says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowMode {
    /// Images as they are.
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
    /// Who is judged.
    pub network: String,
    /// On whom the attack was made.
    pub made_on: String,
    /// At which lambda, as a number or a rule.
    pub made_at: String,
    /// Likewise.
    pub judged_at: String,
    pub epsilon: f32,
    pub images: usize,
    pub accuracy: f64,
}

impl Row {
    /// A row of an attack made on whom it is judged by, its figures yet to come.
    pub fn new(mode: RowMode, network: &str, lambda: &str) -> Self {
        Self {
            mode,
            attack: Method::default(),
            norm: Norm::default(),
            network: network.to_owned(),
            made_on: network.to_owned(),
            made_at: lambda.to_owned(),
            judged_at: lambda.to_owned(),
            epsilon: 0.0,
            images: 0,
            accuracy: f64::NAN,
        }
    }
}

/// A gradient attack held against the random search.
#[derive(Debug, Serialize)]
pub struct Check {
    pub lambda: String,
    pub epsilon: f32,
    pub queries: usize,
    #[serde(flatten)]
    pub found: MaskCheck,
}

/// Everything.
#[derive(Debug, Serialize)]
pub struct Report {
    pub weights: String,
    pub network: String,
    /// The lambda of `--lambda`.
    pub lambda: String,
    /// The value of every lambda that is judged at, where it has one.
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
    /// Where it is not 2.5 epsilon / steps.
    pub step_size: Option<f32>,
    pub restarts: usize,
    pub momentum: f32,
    pub random_start: bool,
    pub draws: usize,
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
            weights: path(&options.weights.weights),
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
            seed: config.seed,
            rows: Vec::new(),
            checks: Vec::new(),
            seconds: 0.0,
        }
    }

    /// `attack.csv`, `attack.json`, and the curves.
    ///
    /// # Errors
    /// [`Error::Io`] where a file cannot be written.
    pub fn write(&self, out: &Path) -> Result<()> {
        write_bytes(&out.join("attack.csv"), self.csv()?.as_bytes())?;
        write_bytes(&out.join("attack.json"), format!("{}\n", to_json(self)?).as_bytes())?;
        let over_lambda = charts::over_lambda(self).map(|chart| ("accuracy_lambda.svg", chart));
        for (name, chart) in over_lambda.into_iter().chain([("accuracy_epsilon.svg", charts::over_epsilon(self))]) {
            let path = out.join(name);
            write_bytes(&path, chart_svg(&chart).map_err(|e| Error::file(&path, e))?.as_bytes())?;
        }
        Ok(())
    }

    /// The rows, each field as in the JSON.
    fn csv(&self) -> Result<String> {
        const FIELDS: [&str; 10] =
            ["mode", "attack", "norm", "network", "made_on", "made_at", "judged_at", "epsilon", "images", "accuracy"];
        let mut lines = vec![FIELDS.join(",")];
        for row in &self.rows {
            let broken = |e: serde_json::Error| Error::file("attack.csv", e.to_string());
            let json = serde_json::from_str::<serde_json::Value>(&to_json(row)?).map_err(broken)?;
            let field = |name: &&str| json[*name].as_str().map_or_else(|| json[*name].to_string(), str::to_owned);
            lines.push(FIELDS.iter().map(field).collect::<Vec<_>>().join(","));
        }
        Ok(lines.join("\n") + "\n")
    }

    /// The rows of the attack itself and of clean images, without those of the random search.
    fn judged(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| r.mode != RowMode::Check)
    }

    /// Who was judged, in order.
    pub fn lines(&self) -> Vec<Line<'_>> {
        let clean = self.rows.iter().filter(|r| r.mode == RowMode::Clean);
        clean.map(|r| Line { report: self, network: &r.network, lambda: &r.judged_at }).collect()
    }

    /// The lambda of `--lambda` as its line is called.
    pub fn own_name(&self) -> String {
        Line { report: self, network: &self.network, lambda: &self.lambda }.name()
    }

    /// The radii, from 0 on.
    pub fn epsilons(&self) -> Vec<f32> {
        let mut all = self.judged().map(|r| r.epsilon).collect::<Vec<_>>();
        super::ascending(&mut all);
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
    /// Percent of the images that it gets right.
    pub fn accuracy(&self, epsilon: f32) -> Option<f64> {
        let of_line = |r: &&Row| r.network == self.network && r.judged_at == self.lambda && r.epsilon == epsilon;
        self.report.judged().find(of_line).map(|r| 100.0 * r.accuracy)
    }

    /// Whether it is only compared with.
    pub fn is_baseline(&self) -> bool {
        self.network != self.report.network
    }

    /// The value of its lambda, where it has one.
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
