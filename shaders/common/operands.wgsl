// The two operands of a convolution kernel, each bound twice: for loads of four values where the layout allows it,
// and of single values elsewhere.

@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> source4: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> factor: array<f32>;
@group(0) @binding(3) var<storage, read> factor4: array<vec4<f32>>;

// Four values starting at `index`, of which the first `count` (at least one) exist; the rest are zero.
fn source_at(index: u32, count: u32) -> vec4<f32> {
    if SOURCE_BY_FOUR {
        return source4[index / 4u];
    }
    let at = index + min(vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
    let value = vec4(source[at.x], source[at.y], source[at.z], source[at.w]);
    return select(vec4(0.0), value, vec4(0u, 1u, 2u, 3u) < vec4(count));
}

fn factor_at(index: u32, count: u32) -> vec4<f32> {
    if FACTOR_BY_FOUR {
        return factor4[index / 4u];
    }
    let at = index + min(vec4(0u, 1u, 2u, 3u), vec4(count - 1u));
    let value = vec4(factor[at.x], factor[at.y], factor[at.z], factor[at.w]);
    return select(vec4(0.0), value, vec4(0u, 1u, 2u, 3u) < vec4(count));
}
