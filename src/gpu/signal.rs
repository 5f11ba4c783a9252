//! Callbacks of the device, as futures.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use super::{Gpu, lock};
use crate::error::Result;

/// A value that a callback of the device delivers, once.
#[derive(Debug)]
pub(super) struct Signal<T>(Arc<Mutex<State<T>>>);

#[derive(Debug)]
struct State<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { value: None, waker: None })))
    }
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Signal<T> {
    /// The callback to give to the device.
    pub(super) fn send(&self, value: T) {
        let mut state = lock(&self.0);
        state.value = Some(value);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    /// The value, if it has arrived.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn take(&self) -> Option<T> {
        lock(&self.0).value.take()
    }

    /// Waits for the value without blocking. A native device calls back only when polled, so there the future asks to be
    /// polled again at once.
    ///
    /// # Errors
    /// Whatever the device has reported.
    pub(super) async fn received(&self, gpu: &Gpu) -> Result<T> {
        poll_fn(|context| {
            if !cfg!(target_arch = "wasm32")
                && let Err(error) = gpu.poll(wgpu::PollType::Poll)
            {
                return Poll::Ready(Err(error));
            }
            let mut state = lock(&self.0);
            if let Some(value) = state.value.take() {
                return Poll::Ready(Ok(value));
            }
            state.waker = Some(context.waker().clone());
            if !cfg!(target_arch = "wasm32") {
                context.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}
