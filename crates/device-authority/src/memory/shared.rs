//! A memory store that threads share.

use core::future::ready;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Memory;
use crate::{Counts, Decide, Keys, Moment, Store, StoreError, UserCode, Waiting};

fn locked(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    // A panic cannot leave a change half done, because only `commit` changes records.
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

/// No future waits, so a program without a runtime may poll it once.
impl Store for Mutex<Memory> {
    fn transact<'a>(
        &'a self,
        keys: Keys<'a>,
        now: Moment,
        decide: &'a mut Decide<'a>,
    ) -> Waiting<'a, Result<(), StoreError>> {
        Box::pin(ready(locked(self).transact(keys, now, decide)))
    }

    fn pending(&self, now: Moment) -> Waiting<'_, Result<Vec<UserCode>, StoreError>> {
        Box::pin(ready(Ok(locked(self).pending(now).take(10_000).collect())))
    }

    fn counts(&self) -> Waiting<'_, Result<Counts, StoreError>> {
        Box::pin(ready(Ok(locked(self).counts())))
    }

    fn page_key(&self, fresh: [u8; 32]) -> Waiting<'_, Result<[u8; 32], StoreError>> {
        Box::pin(ready(Ok(*locked(self).page_key.get_or_insert(fresh))))
    }

    fn sweep(&self, now: Moment) -> Waiting<'_, Result<usize, StoreError>> {
        Box::pin(ready(Ok(locked(self).sweep(now))))
    }

    fn evictions(&self) -> Option<Counts> {
        Some(locked(self).evictions())
    }

    fn check(&self) -> Waiting<'_, Result<(), StoreError>> {
        Box::pin(ready(Ok(())))
    }
}
