// The sizes of an analysis / synthesis pair, as ConvShape in src/shape.rs.

override N: u32;
override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override ATOMS: u32;
override KERNEL: u32;
override STRIDE: u32;
override PADDING: u32;
override CODE_HEIGHT: u32;
override CODE_WIDTH: u32;
