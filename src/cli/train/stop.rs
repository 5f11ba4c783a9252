//! Signals (an interrupt, a request to end, a closed terminal): the first one stops a training after the step, the second one ends the program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Error, Result};

/// Whether the user has asked to stop.
pub(super) struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// From now on, an interrupt (Ctrl-C) or a request to end only asks.
    ///
    /// # Errors
    /// [`Error::Io`] if the system does not allow it.
    pub(super) fn listen() -> Result<Self> {
        let asked = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup()) {
            let again = Arc::new(AtomicBool::new(false));
            let io = |e| Error::io("(signals)", e);
            // In this order, so that the first signal arms what the second one sets off.
            flag::register_conditional_shutdown(signal, 128 + signal, again.clone()).map_err(io)?;
            flag::register(signal, again).map_err(io)?;
            flag::register_usize(signal, asked.clone(), signal as usize).map_err(io)?;
        }
        Ok(Self(asked))
    }

    /// Whether a signal has come.
    pub(super) fn is_asked(&self) -> bool {
        self.code().is_some()
    }

    /// The exit code that says which signal has come: 129, 130 or 143.
    pub(super) fn code(&self) -> Option<u8> {
        let signal = self.0.load(Ordering::Relaxed);
        (signal != 0).then(|| 128 + signal as u8)
    }
}

/// The signal of a closed terminal, unless the program was told to survive it, as by `nohup`. Where that cannot be found out, it
/// counts as told.
fn hangup() -> Option<i32> {
    const SIGHUP: i32 = 1;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok())?;
    (ignored & 1 << (SIGHUP - 1) == 0).then_some(SIGHUP)
}
