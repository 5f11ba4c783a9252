//! The way between the two layouts of maps, channels first and channels last.

/// From `[n, c, h, w]` to `[n, h, w, c]`; equally from OIHW to OHWI. `shape` is that of the input, `[n, c, h, w]`.
/// Source: PyTorch's `permute(0, 2, 3, 1)`.
pub fn nchw_to_nhwc(v: &[f64], shape: [usize; 4]) -> Vec<f64> {
    let [n, c, h, w] = shape;
    swap_inner(v, n, c, h * w)
}

/// From `[n, h, w, c]` to `[n, c, h, w]`; equally from OHWI to OIHW. `shape` is that of the result, `[n, c, h, w]`,
/// so that it undoes [`nchw_to_nhwc`] with the same `shape`. Source: PyTorch's `permute(0, 3, 1, 2)`.
pub fn nhwc_to_nchw(v: &[f64], shape: [usize; 4]) -> Vec<f64> {
    let [n, c, h, w] = shape;
    swap_inner(v, n, h * w, c)
}

/// From `[n, rows, columns]` to `[n, columns, rows]`.
fn swap_inner(v: &[f64], n: usize, rows: usize, columns: usize) -> Vec<f64> {
    debug_assert_eq!(v.len(), n * rows * columns);
    let mut result = Vec::with_capacity(v.len());
    for matrix in 0..n {
        for column in 0..columns {
            for row in 0..rows {
                result.push(v[(matrix * rows + row) * columns + column]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_go_there_and_back() {
        let shape = [2, 3, 1, 2];
        let nchw: Vec<f64> = (0..12).map(f64::from).collect();
        let nhwc = nchw_to_nhwc(&nchw, shape);
        assert_eq!(nhwc, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0, 6.0, 8.0, 10.0, 7.0, 9.0, 11.0]);
        assert_eq!(nhwc_to_nchw(&nhwc, shape), nchw);
    }
}
