//! The actions of people: the owner of a device, and an attacker.

use device_authority::{PersonError, UserCode, UserDecision};
use oidc_proto::FaultCode;

use crate::device::Device;
use crate::faults::SECOND;
use crate::plan::PATIENCE;
use crate::queue::Event;
use crate::world::{Law, World};

impl World<'_> {
    pub(crate) fn person(&mut self, id: u32, device: &mut Device, prompt: u32) -> Law {
        if prompt != device.prompts {
            return Ok(());
        }
        let Some(plan) = &mut device.plan else { return Ok(()) };
        if self.server.is_down(self.now) {
            plan.tries += 1;
            if plan.tries < PATIENCE {
                self.queue.plan(self.now + 5 * SECOND, id, Event::Person(prompt));
            }
            return Ok(());
        }
        if plan.typos > 0 {
            plan.typos -= 1;
            self.summary.typos += 1;
            let seen = self.server.person(self.now, id, "BBBB-BBBB", UserDecision::APPROVE);
            if seen.is_err() {
                self.away()?;
            } else if !matches!(seen, Ok(Err(PersonError::Unknown | PersonError::TooManyGuesses(_)))) {
                return Err(format!("a code that does not exist was answered with {seen:?}"));
            }
            self.queue.plan(self.now + 3 * SECOND, id, Event::Person(prompt));
            return Ok(());
        }
        let verdict = plan.verdict;
        let seen = self.server.person(self.now, id, &device.user_code, verdict);
        self.tell(id, || format!("the person says {verdict:?}: {seen:?}"));
        let typed = UserCode::typed(&device.user_code);
        let code = device
            .codes
            .iter_mut()
            .find(|code| Some(code.user_code) == typed)
            .ok_or("a code from nowhere")?;
        let is_forgotten = code.generation != self.server.generation || self.now >= code.dies + 600 * SECOND;
        let Ok(seen) = seen else {
            // The decision may be committed all the same. The person presses again.
            code.unsure.get_or_insert((verdict, self.now));
            code.is_pressed_again = true;
            plan.tries += 1;
            if plan.tries < PATIENCE {
                self.queue.plan(self.now + 5 * SECOND, id, Event::Person(prompt));
            }
            return self.away();
        };
        match seen {
            Ok(()) => code.decided(verdict, self.server.generation, self.now),
            Err(PersonError::TooManyGuesses(limit)) => {
                let wait = limit.wait.as_micros() as u64 + SECOND;
                self.queue.plan(self.now + wait, id, Event::Person(prompt));
                Ok(())
            }
            Err(PersonError::Unknown) if is_forgotten => Ok(()),
            Err(PersonError::Expired) if self.now >= code.dies => Ok(()),
            Err(PersonError::Decided) if code.is_pressed_again => code.was_decided(),
            Err(error) => Err(format!("the person was told: {error}")),
        }
    }

    pub(crate) fn theft(&mut self, id: u32, device: &Device) -> Law {
        let Some(device_code) = device.device_code.clone() else { return Ok(()) };
        if self.server.is_down(self.now) {
            return Ok(());
        }
        self.summary.thefts += 1;
        self.tell(id, || "an attacker presents its code".to_owned());
        let registration = device.flow.as_ref().and_then(|flow| flow.registration());
        let owner = registration.map(|registration| registration.client);
        match self.server.theft(self.now, device_code, owner) {
            Err(fault) if fault.code == FaultCode::InvalidGrant => Ok(()),
            Err(fault) if fault.code == FaultCode::InternalServer => self.away(),
            Err(fault) => Err(format!("an attacker was told: {fault}")),
            Ok(_) => Err("a code was accepted from another client".to_owned()),
        }
    }
}
