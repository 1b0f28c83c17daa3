//! Stores that break one rule each. The checks notice every one of them, and every check notices some.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::task::Poll;
use std::time::Duration;

use device_authority::{
    Capacity, Change, Counts, Decide, Keys, Memory, Moment, Records, Store, StoreError, UserCode, Waiting,
    conformance,
};

/// What the store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaks {
    /// It commits what was decided on old records.
    CompareAndSet,
    /// It commits each change on its own.
    AllOrNone,
    /// It loses the changes that only set a pace.
    Paces,
    /// It loses these changes.
    CodeUses,
    Revocations,
    /// It loses who approved.
    Approvals,
    /// It loads no companions.
    Companions,
    /// It loads the companions also where a key names another record.
    NamedKeys,
    /// It cannot look for an id with NUL.
    NulInKeys,
    /// It cannot keep a text with NUL.
    NulInTexts,
    /// It finds a device by a part of the key.
    NoSweep,
    EarlySweep,
    PageKey,
    PendingNone,
    PendingAll,
    /// It asks once more for a user code than it may.
    Draws,
}

impl Breaks {
    const ALL: [Self; 16] = [
        Self::CompareAndSet,
        Self::AllOrNone,
        Self::Paces,
        Self::CodeUses,
        Self::Revocations,
        Self::Approvals,
        Self::Companions,
        Self::NamedKeys,
        Self::NulInKeys,
        Self::NulInTexts,
        Self::NoSweep,
        Self::EarlySweep,
        Self::PageKey,
        Self::PendingNone,
        Self::PendingAll,
        Self::Draws,
    ];
}

#[derive(Debug)]
struct Broken {
    memory: Mutex<Memory>,
    breaks: Breaks,
    /// All user codes that were ever added.
    added: Mutex<Vec<UserCode>>,
}

/// Waits one turn, so that another operation may come between.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl Broken {
    fn new(breaks: Breaks) -> Self {
        Self { memory: Mutex::new(Memory::new(Capacity::default())), breaks, added: Mutex::default() }
    }

    /// Commits these changes, whatever the records.
    fn commit(&self, changes: &[Change], now: Moment) -> Result<(), StoreError> {
        self.memory.lock().unwrap().transact(Keys::default(), now, &mut |_| changes.to_vec())
    }

    /// Returns the changes that the store does not lose.
    fn kept(&self, mut changes: Vec<Change>) -> Vec<Change> {
        changes.retain(|change| match self.breaks {
            Breaks::Paces => !change.may_be_lost(),
            Breaks::CodeUses => !matches!(change, Change::SetCode { .. }),
            Breaks::Revocations => !matches!(change, Change::RevokeRefresh(_) | Change::RevokeAccess(_)),
            _ => true,
        });
        if self.breaks == Breaks::Approvals {
            for change in &mut changes {
                if let Change::SetDevice { state, .. } = change {
                    state.authentication = None;
                }
            }
        }
        if self.breaks == Breaks::NulInTexts {
            for change in &mut changes {
                if let Change::AddClient(client) = change {
                    client.name = client.name.replace('\0', "");
                }
            }
        }
        changes
    }

    async fn run(&self, mut keys: Keys<'_>, now: Moment, decide: &mut Decide<'_>) -> Result<(), StoreError> {
        if self.breaks == Breaks::NulInKeys && keys.client.is_some_and(|id| id.contains('\0')) {
            return Err(StoreError::unavailable("invalid byte sequence"));
        }
        if self.breaks == Breaks::NamedKeys {
            keys.client = keys.client.filter(|_| keys.device.is_none());
            keys.refresh = keys.refresh.filter(|_| keys.access.is_none());
        }
        let mut looked = |records: Records<'_>| {
            let mut records = records;
            if self.breaks == Breaks::Companions {
                records.client = records.client.filter(|_| keys.client.is_some());
                records.refresh = records.refresh.filter(|_| keys.refresh.is_some());
            }
            self.kept(decide(records))
        };
        match self.breaks {
            Breaks::CompareAndSet => {
                let mut changes = Vec::new();
                let mut copy = self.memory.lock().unwrap().clone();
                copy.transact(keys, now, &mut |records| {
                    changes = looked(records);
                    changes.clone()
                })?;
                turn().await;
                self.commit(&changes, now)
            }
            Breaks::AllOrNone => {
                let mut changes = Vec::new();
                let mut copy = self.memory.lock().unwrap().clone();
                copy.transact(keys, now, &mut |records| {
                    changes = looked(records);
                    Vec::new()
                })?;
                for change in changes {
                    self.commit(&[change], now)?;
                    turn().await;
                }
                Ok(())
            }
            Breaks::Draws => {
                let mut memory = self.memory.lock().unwrap();
                match memory.transact(keys, now, &mut looked) {
                    Err(StoreError::Full { .. }) => memory.transact(keys, now, &mut looked),
                    done => done,
                }
            }
            _ => self.memory.lock().unwrap().transact(keys, now, &mut |records| {
                let changes = looked(records);
                self.added.lock().unwrap().extend(changes.iter().filter_map(|change| match change {
                    Change::AddDevice(device) => Some(device.user_code),
                    _ => None,
                }));
                changes
            }),
        }
    }
}

impl Store for Broken {
    fn transact<'a>(
        &'a self,
        keys: Keys<'a>,
        now: Moment,
        decide: &'a mut Decide<'a>,
    ) -> Waiting<'a, Result<(), StoreError>> {
        Box::pin(self.run(keys, now, decide))
    }

    fn pending(&self, now: Moment) -> Waiting<'_, Result<Vec<UserCode>, StoreError>> {
        match self.breaks {
            Breaks::PendingNone => Box::pin(async { Ok(Vec::new()) }),
            Breaks::PendingAll => Box::pin(async { Ok(self.added.lock().unwrap().clone()) }),
            _ => self.memory.pending(now),
        }
    }

    fn counts(&self) -> Waiting<'_, Result<Counts, StoreError>> {
        self.memory.counts()
    }

    fn page_key(&self, fresh: [u8; 32]) -> Waiting<'_, Result<[u8; 32], StoreError>> {
        if self.breaks == Breaks::PageKey {
            Box::pin(async move { Ok(fresh) })
        } else {
            self.memory.page_key(fresh)
        }
    }

    fn sweep(&self, now: Moment) -> Waiting<'_, Result<usize, StoreError>> {
        match self.breaks {
            Breaks::NoSweep => Box::pin(async { Ok(0) }),
            Breaks::EarlySweep => self.memory.sweep(now.after(Duration::from_secs(60))),
            _ => self.memory.sweep(now),
        }
    }

    fn check(&self) -> Waiting<'_, Result<(), StoreError>> {
        self.memory.check()
    }
}

/// Returns the checks that a store with this fault fails.
fn failed(breaks: Breaks) -> BTreeSet<&'static str> {
    let store = Broken::new(breaks);
    let fails = |check: &&conformance::Check| pollster::block_on(check.run(&store, 1)).is_err();
    conformance::CHECKS.iter().filter(fails).map(conformance::Check::name).collect()
}

#[test]
fn each_broken_rule_is_noticed_and_each_check_notices_one() {
    let mut noticed = BTreeSet::new();
    for breaks in Breaks::ALL {
        let failed = failed(breaks);
        assert!(!failed.is_empty(), "no check notices a store without {breaks:?}");
        noticed.extend(failed);
    }
    let all: BTreeSet<_> = conformance::CHECKS.iter().map(conformance::Check::name).collect();
    assert_eq!(noticed, all);
}
