// The two operands of a convolution kernel, each bound twice: four values in one load where the layout allows it,
// single values elsewhere.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> source4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read> factor4: array<vec4<f32>>;

// Up to four values from `index` on, which `count` of them exist; zero beyond.
fn source_at(index: u32, count: u32) -> vec4<f32> {
    if SOURCE_BY_FOUR {
        return source4[index / 4u];
    }
    var value = vec4(0.0);
    for (var q = 0u; q < min(count, 4u); q++) {
        value[q] = source[index + q];
    }
    return value;
}

fn factor_at(index: u32, count: u32) -> vec4<f32> {
    if FACTOR_BY_FOUR {
        return factor4[index / 4u];
    }
    var value = vec4(0.0);
    for (var q = 0u; q < min(count, 4u); q++) {
        value[q] = factor[index + q];
    }
    return value;
}
