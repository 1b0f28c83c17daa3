//! A script in a running server: which device has which sign-in, and how far it is.

use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_authority::ServerPolicy;
use oidc_proto::{DeviceAuthorization, Grant, Secret, Token};

use super::{Script, SignIn, Step};
#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::grant_id::GrantId;
use crate::latest::Latest;

/// The script of a server, and the devices that follow it.
pub(crate) struct Run {
    /// Whether there is or was a script. A device may follow an earlier one.
    is_used: AtomicBool,
    /// The script of the configuration.
    configured: Script,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// The script's sign-ins that no device has yet.
    free: Vec<Arc<SignIn>>,
    /// All sign-ins of the script.
    all: Vec<Arc<SignIn>>,
    /// The devices by the server's own device code.
    devices: Latest<GrantId, Device>,
    /// The server's own codes and tokens, by the chosen ones.
    real: Latest<GrantId, Secret>,
}

/// A device keeps the sign-in that it began with.
struct Device {
    sign_in: Arc<SignIn>,
    polls: u32,
    /// Whether the poll in progress is counted, because it has a fault.
    #[cfg(feature = "faults")]
    is_counted: bool,
}

impl Device {
    const fn new(sign_in: Arc<SignIn>) -> Self {
        Self {
            sign_in,
            polls: 0,
            #[cfg(feature = "faults")]
            is_counted: false,
        }
    }
}

impl Run {
    pub(crate) fn new(script: Option<Script>) -> Self {
        let configured = script.unwrap_or_default();
        let run = Self { is_used: AtomicBool::new(false), configured, progress: Mutex::default() };
        run.set(run.configured.clone());
        run
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the run if there is or was a script.
    pub(crate) fn used(&self) -> Option<&Self> {
        self.is_used.load(Ordering::Acquire).then_some(self)
    }

    /// Replaces the script. Devices go on with the sign-in that they began with.
    pub(crate) fn set(&self, script: Script) {
        let all: Vec<_> = script.sign_ins.into_iter().map(Arc::new).collect();
        let has_sign_ins = !all.is_empty();
        let mut progress = self.lock();
        progress.free.clone_from(&all);
        progress.all = all;
        if has_sign_ins {
            self.is_used.store(true, Ordering::Release);
        }
    }

    /// Forgets all devices, and starts the script of the configuration anew.
    pub(crate) fn reset(&self) {
        *self.lock() = Progress::default();
        self.set(self.configured.clone());
    }

    /// Takes the first sign-in that no device has and that is for this client and start URL.
    pub(crate) fn take(&self, id: &str, name: Option<&str>, start_url: Option<&str>) -> Option<Arc<SignIn>> {
        let mut progress = self.lock();
        let place = progress.free.iter().position(|sign_in| sign_in.matches(id, name, start_url))?;
        Some(progress.free.remove(place))
    }

    /// Gives a sign-in back whose device got no codes. It is first again, unless the script has been replaced.
    pub(crate) fn give_back(&self, sign_in: Arc<SignIn>) {
        let mut progress = self.lock();
        let place = |sought: &Arc<SignIn>| progress.all.iter().position(|it| Arc::ptr_eq(it, sought));
        let Some(own) = place(&sign_in) else { return };
        let before = progress.free.iter().take_while(|free| place(free) < Some(own)).count();
        progress.free.insert(before, sign_in);
    }

    /// Notes the device of a sign-in, and replaces its device code with the chosen one.
    /// Returns whether the script has its polls.
    pub(crate) fn started(&self, sign_in: Arc<SignIn>, device: &mut DeviceAuthorization) -> bool {
        let mut progress = self.lock();
        let id = GrantId::of_secret(&device.device_code);
        *progress.devices.entry(id, || Device::new(Arc::clone(&sign_in))) = Device::new(Arc::clone(&sign_in));
        replace(&mut progress, &mut device.device_code, sign_in.chosen.device_code.clone());
        !sign_in.polls.is_empty()
    }

    /// Returns the identity of the device that presents this code, and its interval if the script chose one. `None` is
    /// a device that follows no script. The same code may be chosen for several devices.
    pub(crate) fn device(&self, presented: GrantId) -> Option<(GrantId, Option<Duration>)> {
        let progress = self.lock();
        let id = progress.real.get(&presented).map_or(presented, GrantId::of_secret);
        progress.devices.get(&id).map(|device| (id, device.sign_in.interval))
    }

    /// Counts a poll with the server's own device code. Returns its step and the policy for the token; `None` if the
    /// device has no sign-in of the script.
    pub(crate) fn poll(
        &self,
        device_code: &Secret,
        policy: &ServerPolicy,
    ) -> Option<(Option<Step>, ServerPolicy)> {
        let mut progress = self.lock();
        let device = progress.devices.get_mut(&GrantId::of_secret(device_code))?;
        #[cfg(feature = "faults")]
        if mem::take(&mut device.is_counted) {
            return Some((None, device.sign_in.policy(policy)));
        }
        let poll = device.polls;
        device.polls = poll.saturating_add(1);
        Some((device.sign_in.step(poll), device.sign_in.policy(policy)))
    }

    /// Returns the fault of the poll with this device code, and then counts it.
    #[cfg(feature = "faults")]
    pub(crate) fn fault(&self, device_code: &Secret) -> Option<InjectedFault> {
        let mut progress = self.lock();
        let id = GrantId::of_secret(&real(&progress, device_code));
        let device = progress.devices.get_mut(&id)?;
        let fault = device.sign_in.step(device.polls).and_then(|step| step.fault);
        device.is_counted = fault.is_some();
        if device.is_counted {
            device.polls = device.polls.saturating_add(1);
        }
        fault
    }

    /// Replaces the tokens of a device with the chosen ones.
    pub(crate) fn exchanged(&self, device_code: &Secret, token: &mut Token) {
        let mut progress = self.lock();
        let Some(device) = progress.devices.get(&GrantId::of_secret(device_code)) else { return };
        let sign_in = Arc::clone(&device.sign_in);
        replace(&mut progress, &mut token.access_token, sign_in.chosen.access_token.clone());
        if let Some(refresh_token) = &mut token.refresh_token {
            replace(&mut progress, refresh_token, sign_in.chosen.refresh_token.clone());
        }
    }

    /// Returns the server's own code or token in place of a chosen one. Any other text stays.
    pub(crate) fn real(&self, secret: &Secret) -> Secret {
        real(&self.lock(), secret)
    }

    /// Replaces a chosen code or token of a grant with the server's own.
    pub(crate) fn real_grant(&self, grant: &mut Grant) {
        match grant {
            Grant::DeviceCode { device_code: secret, .. } | Grant::RefreshToken { refresh_token: secret } => {
                *secret = self.real(secret);
            }
            _ => {}
        }
    }
}

fn real(progress: &Progress, secret: &Secret) -> Secret {
    progress.real.get(&GrantId::of_secret(secret)).unwrap_or(secret).clone()
}

fn replace(progress: &mut Progress, secret: &mut Secret, chosen: Option<Secret>) {
    let Some(chosen) = chosen else { return };
    let own = mem::replace(secret, chosen);
    // The same text may be chosen for several sign-ins. The latest one has it.
    let id = GrantId::of_secret(secret);
    match progress.real.get_mut(&id) {
        Some(earlier) => *earlier = own,
        None => {
            progress.real.entry(id, || own);
        }
    }
}
