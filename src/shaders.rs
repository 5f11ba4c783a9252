//! Every kernel, assembled from the files in `shaders/`; a file's stem is the name of its op.
//!
//! Sources are joined unchanged; uses of a kernel differ only in its `override` constants.

use std::sync::LazyLock;

use crate::gpu::{Kernel, SCHEDULES, Schedule};

macro_rules! source {
    ($file:literal) => {
        include_str!(concat!("../shaders/", $file, ".wgsl"))
    };
}

/// The first part of a kernel over elements, whose second part is `fn each(i: u32)`: one thread for each `i` below
/// `LENGTH`.
pub const EACH: &str = concat!(source!("common/index"), "\n", source!("common/each"));

/// The first part of a kernel over groups, whose second part is `fn each_group(group: u32, local: u32)`: a workgroup of
/// 64 threads for each `group` below `LENGTH`.
pub const EACH_GROUP: &str =
    concat!(source!("common/index"), "\n", source!("common/each_group"), "\n", source!("common/total"));

/// `NAME = "stem" over EACH or EACH_GROUP, "snippets it needs" ..;`
macro_rules! kernels {
    ($($name:ident = $stem:literal over $first:ident $(, $snippet:literal)*;)*) => {
        $(pub(crate) static $name: Kernel = Kernel::trusted($stem, &[$first, $(source!($snippet),)* source!($stem)]);)*
        const PLAIN: &[&Kernel] = &[$(&$name),*];
    };
}

kernels! {
    ADAMW = "adamw" over EACH;
    ADD = "add" over EACH;
    ADD_BIAS = "add_bias" over EACH;
    ADD_RELU = "add_relu" over EACH;
    AVERAGE = "average" over EACH;
    BATCH_NORM = "batch_norm" over EACH, "common/rows";
    BATCH_NORM_GRADIENT = "batch_norm_gradient" over EACH, "common/rows";
    BATCH_NORM_GRADIENT_SUMS = "batch_norm_gradient_sums" over EACH, "common/rows";
    BATCH_NORM_MERGE = "batch_norm_merge" over EACH;
    BATCH_NORM_STATISTICS = "batch_norm_statistics" over EACH;
    BLUR = "blur" over EACH, "common/binomial";
    BLUR_ADJOINT = "blur_adjoint" over EACH, "common/binomial";
    CEILING_COPY = "ceiling_copy" over EACH;
    CEILING_MULTIPLY_ADD = "ceiling_multiply_add" over EACH;
    CLIP_NORM = "clip_norm" over EACH;
    COPY_CHANNELS = "copy_channels" over EACH;
    CROSS_ENTROPY = "cross_entropy" over EACH;
    CROSS_ENTROPY_MEAN = "cross_entropy_mean" over EACH_GROUP;
    DICTIONARY_LOSS = "dictionary_loss" over EACH_GROUP;
    DICTIONARY_LOSS_GRADIENT = "dictionary_loss_gradient" over EACH;
    FILL = "fill" over EACH;
    FOLD = "fold" over EACH, "common/sizes";
    GLOBAL_AVERAGE_POOL = "global_average_pool" over EACH;
    GLOBAL_AVERAGE_POOL_GRADIENT = "global_average_pool_gradient" over EACH;
    HALF_MEAN_SQUARE = "half_mean_square" over EACH;
    INTERPOLATE = "interpolate" over EACH;
    INVERSE_NORM = "inverse_norm" over EACH;
    MAX_POOL = "max_pool" over EACH;
    MAX_POOL_GRADIENT = "max_pool_gradient" over EACH;
    MODULUS = "modulus" over EACH;
    MODULUS_GRADIENT = "modulus_gradient" over EACH;
    MOMENTUM = "momentum" over EACH;
    NORMALIZE_ATOMS = "normalize_atoms" over EACH_GROUP;
    PAD = "pad" over EACH;
    PAD_ADJOINT = "pad_adjoint" over EACH;
    RELU = "relu" over EACH;
    RELU_GRADIENT = "relu_gradient" over EACH;
    SCALE = "scale" over EACH;
    SCALE_SAMPLES = "scale_samples" over EACH;
    SELF_CORRELATION = "self_correlation" over EACH;
    SGD = "sgd" over EACH;
    SOFT_THRESHOLD = "soft_threshold" over EACH, "common/prox";
    SOFT_THRESHOLD_GRADIENT = "soft_threshold_gradient" over EACH;
    STEP_SIZE = "step_size" over EACH;
    SUM_GROUPS = "sum_groups" over EACH;
    SUM_SAMPLES = "sum_samples" over EACH_GROUP;
    UNFOLD = "unfold" over EACH, "common/sizes";
}

/// A kernel of the convolution family: a matrix product, in every schedule.
#[derive(Debug)]
pub(crate) struct Product(LazyLock<Vec<Kernel>>);

impl Product {
    /// The kernel for this schedule.
    pub(crate) fn kernel(&'static self, schedule: &Schedule) -> &'static Kernel {
        &self.0[schedule.place()]
    }
}

/// The kernel in every schedule; `parts` are its operands, its results and what these need.
fn in_every_schedule(stem: &str, parts: &[&'static str]) -> Vec<Kernel> {
    const FIRST: [&str; 3] = [source!("common/index"), source!("common/sizes"), source!("common/tiles")];
    let kernel = |schedule: &&Schedule| {
        let parts = [&FIRST[..], parts, &[source!("common/operands"), schedule.source]].concat();
        Kernel::assembled(format!("{stem}_{}", schedule.name), parts, schedule.lanes > 0)
    };
    SCHEDULES.iter().map(kernel).collect()
}

/// `NAME = "stem", "snippets it needs" ..;`
macro_rules! products {
    ($($name:ident = $stem:literal $(, $snippet:literal)*;)*) => {
        $(pub(crate) static $name: Product =
            Product(LazyLock::new(|| in_every_schedule($stem, &[$(source!($snippet),)* source!($stem)])));)*
        const PRODUCTS: &[&Product] = &[$(&$name),*];
    };
}

products! {
    CORRELATION = "correlation", "common/analysis", "common/factor";
    FISTA_STEP = "fista_step", "common/analysis", "common/prox";
    SYNTHESIS = "synthesis", "common/synthesis", "common/factor";
    RESIDUAL = "residual", "common/synthesis";
    WEIGHT_GRADIENT = "weight_gradient", "common/factor";
}

/// Every kernel of the crate, for translation and tests.
pub fn all() -> Vec<&'static Kernel> {
    PLAIN.iter().copied().chain(PRODUCTS.iter().flat_map(|p| p.0.iter())).collect()
}
