// The sizes of an analysis / synthesis pair, like ConvShape in src/shape.rs.

override N: u32;
override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override ATOMS: u32;
override KERNEL_HEIGHT: u32;
override KERNEL_WIDTH: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;
override PADDING_Y: u32;
override PADDING_X: u32;
override CODE_HEIGHT: u32;
override CODE_WIDTH: u32;
override TAPS: u32 = KERNEL_HEIGHT * KERNEL_WIDTH;
