//! How the convolution kernels divide their work: one row per schedule.
//!
//! Every convolution kernel is a matrix product. A schedule gives its main loop in WGSL, the tile of a workgroup, and the
//! adapter's capabilities that it needs. A new schedule needs one more row and its WGSL, nothing else.

use super::Constant;

/// One way to divide a matrix product among workgroups and threads.
#[derive(Debug)]
pub struct Schedule {
    /// Its name; kernels are called `STEM_NAME`.
    pub name: &'static str,
    /// The main loop, joined to the operands of each convolution kernel.
    pub(crate) source: &'static str,
    /// Rows of a workgroup's tile.
    pub(crate) rows: usize,
    /// Columns of a workgroup's tile, given the number of columns of the product.
    pub(crate) columns: fn(usize) -> usize,
    /// Further constants, given the columns of a tile and the lanes of a subgroup.
    pub(crate) constants: fn(usize, u32) -> Vec<Constant>,
    /// Minimum number of workgroups for a weight gradient, if there are enough lines: more keep all cores of an adapter
    /// busy, but each is one more part to store and add up.
    pub(crate) workgroups: usize,
    /// Minimum number of lanes in a subgroup; 0 if it uses no subgroup functions.
    pub lanes: u32,
    /// Whether it is for adapters that run on a CPU.
    pub(crate) for_cpu: bool,
}

/// For GPUs: operands go through workgroup memory, in tiles of 64 x 64.
pub static TILED: Schedule = Schedule {
    name: "tiled",
    source: include_str!("../../shaders/common/tiled.wgsl"),
    rows: 64,
    columns: |_| 64,
    constants: |_, _| Vec::new(),
    workgroups: 512,
    lanes: 0,
    for_cpu: false,
};

/// For CPU adapters: no workgroup memory; subgroups of at least four lanes share operands.
pub static REGISTER: Schedule = Schedule {
    name: "register",
    source: include_str!("../../shaders/common/register.wgsl"),
    rows: 32,
    // As few tiles of up to 64 columns as possible, and each as narrow as possible.
    columns: |columns| columns.div_ceil(columns.div_ceil(64)).next_multiple_of(8),
    constants: |columns, lanes| {
        vec![("COLUMN_BLOCKS", columns as f64 / 4.0), ("EIGHT_LANES", f64::from(u8::from(lanes >= 8)))]
    },
    workgroups: 256,
    lanes: 4,
    for_cpu: true,
};

/// All of them; an adapter gets the first that suits it.
pub static SCHEDULES: [&Schedule; 2] = [&REGISTER, &TILED];

impl Schedule {
    /// The schedule of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SCHEDULES.into_iter().find(|s| s.name == name)
    }

    /// The schedule for an adapter, given whether it runs on a CPU and the minimum number of lanes in its subgroups.
    pub(super) fn of(on_cpu: bool, lanes: u32) -> &'static Self {
        SCHEDULES.into_iter().find(|s| s.for_cpu == on_cpu && lanes >= s.lanes).unwrap_or(&TILED)
    }

    /// Its index in [`SCHEDULES`].
    pub(crate) fn place(&self) -> usize {
        SCHEDULES.iter().position(|s| s.name == self.name).unwrap_or(0)
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
