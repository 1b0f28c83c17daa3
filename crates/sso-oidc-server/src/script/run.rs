//! A script in a running server: which device has which sign-in, and how far it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use device_authority::ServerPolicy;
use oidc_proto::{DeviceAuthorization, Grant, Secret, Token};

use super::{Chosen, Script, Step};
#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::grant_id::GrantId;
use crate::latest::Latest;

/// A script, and the devices that follow it.
pub(crate) struct Run {
    script: Script,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// The sign-ins that have a device.
    taken: Vec<usize>,
    /// The devices by the server's own device code.
    devices: Latest<GrantId, Device>,
    /// The server's own codes and tokens, by the chosen ones.
    real: Latest<GrantId, Secret>,
}

#[derive(Clone, Copy)]
struct Device {
    sign_in: usize,
    polls: u32,
    /// Whether the poll in progress is counted, because it has a fault.
    #[cfg(feature = "faults")]
    is_counted: bool,
}

impl Device {
    const fn new(sign_in: usize) -> Self {
        Self {
            sign_in,
            polls: 0,
            #[cfg(feature = "faults")]
            is_counted: false,
        }
    }
}

/// The number of a script's sign-in.
#[derive(Clone, Copy)]
pub(crate) struct Taken(usize);

impl Run {
    pub(crate) fn new(script: Script) -> Self {
        Self { script, progress: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts anew.
    pub(crate) fn reset(&self) {
        *self.lock() = Progress::default();
    }

    /// Takes the first sign-in that no device has and that is for this client and start URL.
    pub(crate) fn take(&self, id: &str, name: Option<&str>, start_url: Option<&str>) -> Option<Taken> {
        let mut progress = self.lock();
        let mut sign_ins = self.script.sign_ins.iter().enumerate();
        let is_free = |number| !progress.taken.contains(&number);
        let (number, _) =
            sign_ins.find(|(number, sign_in)| is_free(*number) && sign_in.matches(id, name, start_url))?;
        progress.taken.push(number);
        Some(Taken(number))
    }

    /// Gives a sign-in back whose device got no codes.
    pub(crate) fn give_back(&self, Taken(sign_in): Taken) {
        self.lock().taken.retain(|taken| *taken != sign_in);
    }

    /// Returns the policy and the chosen codes of a sign-in.
    pub(crate) fn plan(
        &self,
        Taken(sign_in): Taken,
        policy: &ServerPolicy,
    ) -> Option<(ServerPolicy, Chosen)> {
        let sign_in = self.script.sign_ins.get(sign_in)?;
        Some((sign_in.policy(policy), sign_in.chosen.clone()))
    }

    /// Notes the device of a sign-in, and replaces its device code with the chosen one.
    /// Returns whether the script has its polls.
    pub(crate) fn started(&self, Taken(sign_in): Taken, device: &mut DeviceAuthorization) -> bool {
        let mut progress = self.lock();
        let id = GrantId::of_secret(&device.device_code);
        *progress.devices.entry(id, || Device::new(sign_in)) = Device::new(sign_in);
        let Some(sign_in) = self.script.sign_ins.get(sign_in) else { return false };
        replace(&mut progress, &mut device.device_code, sign_in.chosen.device_code.clone());
        !sign_in.polls.is_empty()
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
        let sign_in = self.script.sign_ins.get(device.sign_in)?;
        #[cfg(feature = "faults")]
        if core::mem::take(&mut device.is_counted) {
            return Some((None, sign_in.policy(policy)));
        }
        let poll = device.polls;
        device.polls = poll.saturating_add(1);
        Some((sign_in.step(poll), sign_in.policy(policy)))
    }

    /// Returns the fault of the poll with this device code, and then counts it.
    #[cfg(feature = "faults")]
    pub(crate) fn fault(&self, device_code: &Secret) -> Option<InjectedFault> {
        let mut progress = self.lock();
        let id = GrantId::of_secret(&real(&progress, device_code));
        let device = progress.devices.get_mut(&id)?;
        let fault = self.script.sign_ins.get(device.sign_in)?.step(device.polls).and_then(|step| step.fault);
        device.is_counted = fault.is_some();
        if device.is_counted {
            device.polls = device.polls.saturating_add(1);
        }
        fault
    }

    /// Replaces the tokens of a device with the chosen ones.
    pub(crate) fn exchanged(&self, device_code: &Secret, token: &mut Token) {
        let mut progress = self.lock();
        let Some(device) = progress.devices.get(&GrantId::of_secret(device_code)).copied() else { return };
        let Some(sign_in) = self.script.sign_ins.get(device.sign_in) else { return };
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
    let own = core::mem::replace(secret, chosen);
    // The same text may be chosen for several sign-ins. The latest one has it.
    let id = GrantId::of_secret(secret);
    match progress.real.get_mut(&id) {
        Some(earlier) => *earlier = own,
        None => {
            progress.real.entry(id, || own);
        }
    }
}
