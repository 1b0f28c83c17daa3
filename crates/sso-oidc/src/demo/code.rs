//! The demo's authorization code flow, with a browser on this machine.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use device_flow::{BrowserPrompt, CodeFlow, Observer, Status, Stop};
use device_flow_ureq::{HttpClient, ureq};

use super::PERSON;
use crate::signin::Presenter;

/// Shows the prompt. With a client it acts as the browser of a person who approves, and records the time.
pub(super) struct CodeWitness {
    pub(super) presenter: Presenter,
    pub(super) browser: Option<HttpClient>,
    pub(super) decided: Arc<Mutex<Option<Instant>>>,
}

impl Observer<CodeFlow> for CodeWitness {
    fn prompt(&mut self, prompt: &BrowserPrompt) -> Result<(), Stop> {
        Observer::<CodeFlow>::prompt(&mut self.presenter, prompt)?;
        let Some(browser) = self.browser.clone() else { return Ok(()) };
        let (url, decided) = (prompt.url.clone(), Arc::clone(&self.decided));
        let approving = thread::Builder::new().name("browser".to_owned()).spawn(move || {
            thread::sleep(PERSON);
            // The server approves at once. If it does not respond, the sign-in ends with its own error.
            let page = browser.look_at(&url);
            *decided.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            if let Some(location) = page.ok().and_then(|page| page.location) {
                let _ = ureq::get(location).call();
            }
        });
        drop(approving);
        Ok(())
    }

    fn waiting(&mut self, status: &Status<'_, CodeFlow>) {
        self.presenter.waiting(status);
    }
}
