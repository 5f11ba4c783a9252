// Sizes and taps of a binomial blur.

override HEIGHT: u32;
override WIDTH: u32;
override CHANNELS: u32;
override BLURRED_HEIGHT: u32;
override BLURRED_WIDTH: u32;
override WINDOW: u32;
override STRIDE: u32;

// The binomial coefficient of WINDOW - 1 over `place`, divided by their sum 2^(WINDOW - 1).
fn tap(place: u32) -> f32 {
    var ways = 1u;
    for (var k = 0u; k < place; k++) {
        ways = ways * (WINDOW - 1u - k) / (k + 1u);
    }
    return f32(ways) / f32(1u << (WINDOW - 1u));
}
