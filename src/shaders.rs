//! Every kernel, assembled from the files in `shaders/`: the stem of the file is the name of the op.
//!
//! Sources are joined as they stand; what differs between uses of a kernel are its `override` constants.

use crate::gpu::{Kernel, Schedule};

macro_rules! source {
    ($($file:literal)*) => { concat!($(include_str!(concat!("../shaders/", $file, ".wgsl")), "\n"),*) };
}

/// Kernels over elements or workgroups: `NAME = "stem", "snippets it needs" ..;`
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident = $stem:literal $(, $snippet:literal)*;)*) => {
        $($(#[$doc])* pub(crate) static $name: Kernel =
            Kernel { name: $stem, source: source!("common/index" $($snippet)* $stem), subgroups: false };)*
        const PLAIN: &[&Kernel] = &[$(&$name),*];
    };
}

/// One kernel of the convolution family, in both schedules.
#[derive(Debug)]
pub(crate) struct Product {
    tiled: Kernel,
    register: Kernel,
}

impl Product {
    /// The kernel for this schedule.
    pub(crate) fn kernel(&'static self, schedule: Schedule) -> &'static Kernel {
        match schedule {
            Schedule::Tiled => &self.tiled,
            Schedule::Register => &self.register,
        }
    }
}

/// Kernels that are a matrix product: `NAME = "stem", "snippets it needs" ..;`
macro_rules! products {
    ($($(#[$doc:meta])* $name:ident = $stem:literal $(, $snippet:literal)*;)*) => {
        $($(#[$doc])* pub(crate) static $name: Product = Product {
            tiled: Kernel {
                name: concat!($stem, "_tiled"),
                source: source!("common/index" "common/sizes" "common/tiles" $($snippet)* "common/operands" $stem "common/tiled"),
                subgroups: false,
            },
            register: Kernel {
                name: concat!($stem, "_register"),
                source: source!("common/index" "common/sizes" "common/tiles" $($snippet)* "common/operands" $stem "common/register"),
                subgroups: true,
            },
        };)*
        const PRODUCTS: &[&Product] = &[$(&$name),*];
    };
}

products! {
    CORRELATION = "correlation", "common/analysis";
    FISTA_STEP = "fista_step", "common/analysis", "common/prox";
    SYNTHESIS = "synthesis", "common/synthesis";
    RESIDUAL = "residual", "common/synthesis";
    WEIGHT_GRADIENT = "weight_gradient";
}

kernels! {
    ADD = "add";
    ADD_BIAS = "add_bias";
    ADD_RELU = "add_relu";
    BATCH_NORM = "batch_norm", "common/rows";
    BATCH_NORM_GRADIENT = "batch_norm_gradient", "common/rows";
    BATCH_NORM_GRADIENT_SUMS = "batch_norm_gradient_sums", "common/rows";
    BATCH_NORM_MERGE = "batch_norm_merge";
    BATCH_NORM_STATISTICS = "batch_norm_statistics";
    CEILING_COPY = "ceiling_copy";
    CEILING_MULTIPLY_ADD = "ceiling_multiply_add";
    CLIP_RESIDUAL = "clip_residual";
    CLIP_RESIDUAL_GRADIENT = "clip_residual_gradient";
    CROSS_ENTROPY = "cross_entropy";
    CROSS_ENTROPY_MEAN = "cross_entropy_mean", "common/total";
    FILL = "fill";
    FOLD = "fold", "common/sizes";
    GLOBAL_AVERAGE_POOL = "global_average_pool";
    GLOBAL_AVERAGE_POOL_GRADIENT = "global_average_pool_gradient";
    INTERPOLATE = "interpolate";
    INVERSE_NORM = "inverse_norm";
    MAX_POOL = "max_pool";
    MAX_POOL_GRADIENT = "max_pool_gradient";
    MOMENTUM = "momentum";
    NORMALIZE_ATOMS = "normalize_atoms", "common/total";
    RECONSTRUCTION_SCALE = "reconstruction_scale", "common/total";
    RELU = "relu";
    RELU_GRADIENT = "relu_gradient";
    SCALE = "scale";
    SCALE_SAMPLES = "scale_samples";
    SGD = "sgd";
    SOFT_THRESHOLD = "soft_threshold", "common/prox";
    SOFT_THRESHOLD_GRADIENT = "soft_threshold_gradient";
    STEP_SIZE = "step_size";
    SUM_GROUPS = "sum_groups";
    SUM_SAMPLES = "sum_samples", "common/total";
    UNFOLD = "unfold", "common/sizes";
}

/// Every kernel of the crate, for `sdnet shaders` and for the tests.
pub fn all() -> Vec<&'static Kernel> {
    let products = PRODUCTS.iter().flat_map(|p| [&p.tiled, &p.register]);
    PLAIN.iter().copied().chain(products).collect()
}
