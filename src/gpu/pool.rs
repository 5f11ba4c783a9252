//! Device buffers that are reused instead of created anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::{Gpu, lock};
use crate::error::{Error, Result};

/// Number of submissions after which a buffer that stays idle is returned to the driver.
const IDLE_SUBMISSIONS: u64 = 64;
/// How many times larger than the request a reused buffer may be.
const LARGER: u64 = 2;
/// Number of requests (a few training steps) after which buffers of a size no longer asked for are not lent to others.
const LENT_REQUESTS: u64 = 4096;

/// A storage buffer on the device; it returns to the pool when dropped.
///
/// Commands run in the order in which they were recorded, so a buffer may be handed out again
/// while earlier commands that use it are still waiting.
pub struct Buffer {
    pub(super) raw: wgpu::Buffer,
    pub(super) id: u64,
    /// The size requested; the buffer itself may be larger.
    pub(super) bytes: u64,
    pool: Arc<Mutex<Pool>>,
}

impl Buffer {
    /// What tells it from every other buffer that is alive.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

impl std::fmt::Debug for Buffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Buffer({}, {} bytes)", self.id, self.raw.size())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut pool = lock(&self.pool);
        let size = self.raw.size();
        pool.live -= size;
        let idle = Idle { raw: self.raw.clone(), since: pool.submissions };
        pool.idle.entry(size).or_default().insert(self.id, idle);
    }
}

struct Idle {
    raw: wgpu::Buffer,
    since: u64,
}

/// Bytes on the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryReport {
    /// In live tensors.
    pub live: u64,
    /// Allocated from the driver: live, or idle and reusable.
    pub held: u64,
    /// The peak of `held` since the last [`Gpu::reset_peak`].
    pub peak: u64,
}

#[derive(Default)]
pub(super) struct Pool {
    /// By size and id.
    idle: BTreeMap<u64, BTreeMap<u64, Idle>>,
    /// The number of the last request for each size.
    asked: BTreeMap<u64, u64>,
    requests: u64,
    live: u64,
    held: u64,
    peak: u64,
    /// Sizes asked for since the last [`Gpu::reset_peak`].
    sizes: BTreeSet<u64>,
    next_id: u64,
    submissions: u64,
    /// Requests until one is refused: see [`Gpu::refuse_buffer`].
    refusal: Option<u64>,
}

impl Pool {
    /// Counts a request; whether it is the one to be refused.
    fn refuses(&mut self) -> bool {
        let left = self.refusal.take();
        self.refusal = left.and_then(|left| left.checked_sub(1));
        left == Some(0)
    }

    /// The smallest idle buffer that fits and is at most [`LARGER`] times too large; of several, the one of the lowest id. So
    /// equal steps get equal buffers, whatever the order in which they came back, and need no bind groups but those of the first.
    /// Sizes not asked for in a while are not lent, so that they stay idle and return to the driver.
    fn take(&mut self, size: u64, bytes: u64) -> Option<(wgpu::Buffer, u64)> {
        self.sizes.insert(bytes);
        self.requests += 1;
        self.asked.insert(size, self.requests);
        let oldest = self.requests.saturating_sub(LENT_REQUESTS);
        let mut lent = self.asked.range(size..=LARGER * size).filter(|(_, at)| **at >= oldest);
        let (size, (id, found)) = lent.find_map(|(size, _)| Some((*size, self.idle.get_mut(size)?.pop_first()?)))?;
        self.live += size;
        Some((found.raw, id))
    }

    fn adopt(&mut self, size: u64) -> u64 {
        self.live += size;
        self.held += size;
        self.peak = self.peak.max(self.held);
        self.next_id += 1;
        self.next_id
    }

    /// Returns what was idle before `oldest` to the driver; whether there was any.
    fn release(&mut self, oldest: u64) -> bool {
        let before = self.held;
        for (size, buffers) in &mut self.idle {
            let count = buffers.len();
            buffers.retain(|_, b| b.since >= oldest);
            self.held -= size * (count - buffers.len()) as u64;
        }
        self.idle.retain(|_, buffers| !buffers.is_empty());
        self.held != before
    }
}

/// Sizes are rounded up, so that similar shapes share buffers: to 256 bytes, and above
/// 4 KiB to an eighth of the power of two below.
fn rounded(bytes: u64) -> u64 {
    let step = if bytes <= 4096 { 256 } else { 1 << (bytes.ilog2() - 3) };
    bytes.max(1).next_multiple_of(step)
}

impl Gpu {
    /// A storage buffer of at least `bytes` with undefined content.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] with the bytes asked for and the limit.
    pub(crate) fn buffer(&self, what: &str, bytes: u64) -> Result<Buffer> {
        let inner = &self.0;
        let error =
            |limit: String| Error::OutOfMemory { adapter: inner.report.name.clone(), what: what.into(), bytes, limit };
        let most = self.largest_buffer();
        if bytes > most {
            return Err(error(format!("a buffer may have at most {most}")));
        }
        if lock(&inner.pool).refuses() {
            return Err(error("as a test has asked".into()));
        }
        let size = rounded(bytes).min(most);
        let taken = lock(&inner.pool).take(size, bytes);
        let (raw, id) = match taken {
            Some(found) => found,
            None => {
                let raw = self.create(size).or_else(|_| {
                    self.release_idle();
                    self.create(size)
                });
                let raw = raw.map_err(|reason| error(format!("{} are in use{reason}", self.memory().held)))?;
                (raw, lock(&inner.pool).adopt(size))
            }
        };
        Ok(Buffer { raw, id, bytes, pool: inner.pool.clone() })
    }

    /// For tests: the request for a buffer after so many others fails, as if memory were exhausted; `None` calls that off.
    #[doc(hidden)]
    pub fn refuse_buffer(&self, after: Option<u64>) {
        lock(&self.0.pool).refusal = after;
    }

    /// Bytes that one buffer may have.
    pub(crate) fn largest_buffer(&self) -> u64 {
        self.0.limits.max_buffer_size.min(self.0.limits.max_storage_buffer_binding_size) & !15
    }

    /// A new buffer, or the reason for failure.
    fn create(&self, size: u64) -> std::result::Result<wgpu::Buffer, String> {
        if let Some(most) = self.0.most_memory
            && self.memory().held + size > most
        {
            return Err(format!(", {most} are allowed"));
        }
        let descriptor = wgpu::BufferDescriptor {
            label: None,
            size,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let made = self.scoped(wgpu::ErrorFilter::OutOfMemory, || self.0.device.create_buffer(&descriptor));
        made.map_err(|reason| format!(" ({reason})"))
    }

    /// Bytes on the device, now and at peak.
    pub fn memory(&self) -> MemoryReport {
        let pool = lock(&self.0.pool);
        MemoryReport { live: pool.live, held: pool.held, peak: pool.peak }
    }

    /// Sizes of the buffers asked for since the last [`Gpu::reset_peak`], in bytes.
    #[cfg(feature = "train")]
    pub(crate) fn sizes_asked_for(&self) -> BTreeSet<u64> {
        lock(&self.0.pool).sizes.clone()
    }

    /// Resets [`MemoryReport::peak`].
    pub fn reset_peak(&self) {
        let mut pool = lock(&self.0.pool);
        pool.peak = pool.held;
        pool.sizes.clear();
    }

    /// Returns all idle buffers to the driver.
    pub fn release_idle(&self) {
        self.release(u64::MAX);
    }

    /// Called at each submission: returns what has long been idle.
    pub(super) fn age_pool(&self) {
        let oldest = {
            let mut pool = lock(&self.0.pool);
            pool.submissions += 1;
            pool.submissions.saturating_sub(IDLE_SUBMISSIONS)
        };
        self.release(oldest);
    }

    fn release(&self, oldest: u64) {
        if lock(&self.0.pool).release(oldest) {
            lock(&self.0.pipelines).forget_bind_groups();
        }
    }
}
