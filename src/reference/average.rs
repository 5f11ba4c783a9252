//! Exponential moving averages.

/// `average = decay * average + (1 - decay) * value`, in place.
///
/// Shapes: both have equal lengths. Source: PyTorch's `torch.optim.swa_utils.get_ema_multi_avg_fn`.
pub fn average(average: &mut [f64], value: &[f64], decay: f64) {
    debug_assert_eq!(average.len(), value.len());
    for (average, value) in average.iter_mut().zip(value) {
        *average = decay * *average + (1.0 - decay) * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    #[test]
    fn the_past_fades_by_the_decay() {
        let mut all = [8.0, -1.0];
        (0..3).for_each(|_| average(&mut all, &[0.0, -1.0], 0.5));
        assert_close(&all, &[1.0, -1.0], 1e-15);
    }
}
