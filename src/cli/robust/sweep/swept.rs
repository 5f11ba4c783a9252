//! What a sweep has found: accuracy by column (a way to choose lambda) and level (a corruption).

use crate::checkpoint::Recipe;
use crate::error::Result;
use crate::models::Network;
use crate::robust::corrupt::Corruption;
use crate::robust::sweep::{Level, Outcome};
use crate::robust::{Adapted, Calibration, LambdaRule};

/// One way to choose lambda, and what became of the images with it.
pub struct Column {
    /// What figures call it: `trained`, a number, `auto` and so on, or `baseline`.
    pub name: String,
    pub rule: LambdaRule,
    /// One for each of [`Swept::levels`].
    pub outcomes: Vec<Outcome>,
}

impl Column {
    fn new(name: impl Into<String>, rule: LambdaRule) -> Self {
        Self { name: name.into(), rule, outcomes: Vec::new() }
    }

    /// Share of the images of a level whose best class is right.
    pub fn accuracy(&self, level: usize) -> f64 {
        self.outcomes[level].accuracy()
    }
}

/// A column with the same lambda for every image.
pub struct FixedColumn {
    pub lambda: f32,
    pub column: Column,
}

/// What was done to images: noise, or a corruption of a folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Damage {
    pub kind: String,
    /// The level of noise, or the severity.
    pub level: f32,
}

impl From<Corruption> for Damage {
    fn from(corruption: Corruption) -> Self {
        Self { kind: corruption.kind().name().into(), level: corruption.level() }
    }
}

/// Everything that a sweep has found.
pub struct Swept {
    /// What was done to the images of each level; nothing to clean ones.
    pub levels: Vec<Option<Damage>>,
    /// The lambda of the training.
    pub trained_lambda: f32,
    /// The network as it was trained.
    pub trained: Column,
    /// By lambda, ascending.
    pub fixed: Vec<FixedColumn>,
    /// Lambda chosen for each image.
    pub chosen: Vec<Column>,
    /// Another network as it was trained, if there is one to compare with.
    pub baseline: Option<Column>,
}

impl Swept {
    /// The columns for this network, without any level yet.
    ///
    /// # Errors
    /// Those of [`Calibration::of`] and [`Adapted::check_one_lambda`].
    pub fn new(network: &Adapted<Network>, recipe: &Recipe, lambdas: &[f32]) -> Result<Self> {
        network.check_one_lambda()?;
        let fixed = |lambda: &f32| FixedColumn {
            lambda: *lambda,
            column: Column::new(lambda.to_string(), LambdaRule::Fixed(*lambda)),
        };
        Ok(Self {
            levels: Vec::new(),
            trained_lambda: network.trained_lambda().unwrap_or(recipe.model.lambda),
            trained: Column::new("trained", LambdaRule::Trained),
            fixed: lambdas.iter().map(fixed).collect(),
            chosen: chosen(network, recipe)?,
            baseline: None,
        })
    }

    /// The columns of the network itself, in the order of the figures.
    pub fn own_columns(&self) -> impl Iterator<Item = &Column> {
        std::iter::once(&self.trained).chain(self.fixed.iter().map(|fixed| &fixed.column)).chain(&self.chosen)
    }

    /// All columns, the baseline last.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.own_columns().chain(&self.baseline)
    }

    /// The rules to sweep over: those of [`Swept::own_columns`].
    pub fn rules(&self) -> Vec<LambdaRule> {
        self.own_columns().map(|column| column.rule).collect()
    }

    /// Adds a level that was swept over [`Swept::rules`].
    pub fn add(&mut self, damage: Option<Damage>, level: Level) {
        self.levels.push(damage);
        let fixed = self.fixed.iter_mut().map(|fixed| &mut fixed.column);
        let columns = std::iter::once(&mut self.trained).chain(fixed).chain(&mut self.chosen);
        columns.zip(level.outcomes).for_each(|(column, outcome)| column.outcomes.push(outcome));
        if let Some(outcome) = level.baseline {
            let baseline = self.baseline.get_or_insert_with(|| Column::new("baseline", LambdaRule::Trained));
            baseline.outcomes.push(outcome);
        }
    }

    /// The fixed lambda with the best accuracy at a level, the smallest of equals.
    pub fn best(&self, level: usize) -> Option<&FixedColumn> {
        self.fixed.iter().reduce(
            |best, fixed| {
                if fixed.column.accuracy(level) > best.column.accuracy(level) { fixed } else { best }
            },
        )
    }

    /// The numbers of the levels of clean images.
    pub fn clean_levels(&self) -> impl Iterator<Item = usize> {
        (0..self.levels.len()).filter(|level| self.levels[*level].is_none())
    }

    /// The kinds of noise or corruption, in order.
    pub fn noises(&self) -> Vec<NoiseLevels> {
        let mut all: Vec<NoiseLevels> = Vec::new();
        for (level, damage) in self.levels.iter().enumerate() {
            let Some(Damage { kind, .. }) = damage else { continue };
            match all.iter_mut().find(|known| known.kind == *kind) {
                Some(known) => known.levels.push(level),
                None => all.push(NoiseLevels { kind: kind.clone(), levels: vec![level] }),
            }
        }
        all
    }
}

/// The rules that choose lambda for each image, of a network that has been recalibrated.
fn chosen(network: &Adapted<Network>, recipe: &Recipe) -> Result<Vec<Column>> {
    if network.recalibration().is_none() {
        return Ok(Vec::new());
    }
    let mut columns =
        vec![Column::new("auto-free", LambdaRule::label_free(network.trained_lambda().unwrap_or(recipe.model.lambda)))];
    if let Some(calibration) = Calibration::of(recipe)? {
        columns.push(Column::new("auto", calibration.rule(None)?));
        for noise in calibration.by_noise.keys() {
            columns.push(Column::new(format!("auto-{noise}"), calibration.rule(Some(*noise))?));
        }
    }
    Ok(columns)
}

/// A kind of noise or corruption, and the numbers of its levels.
pub struct NoiseLevels {
    pub kind: String,
    pub levels: Vec<usize>,
}
