//! A whole sign-in with every logger at its most talkative: no secret in any of it. Compiled into the tests of both
//! adapters.

use std::io;
use std::sync::{Arc, Mutex};

use device_flow::UserPrompt;
use tracing_subscriber::fmt::MakeWriter;

use crate::sign_in_within;
use crate::stub::{Step, Stub};

/// Collects what is logged.
#[derive(Clone, Default)]
struct Collected(Arc<Mutex<Vec<u8>>>);

impl io::Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Collected {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn no_secret_reaches_a_log_a_debug_or_an_error_at_trace_level() {
    let collected = Collected::default();
    // Global, because adapters log from threads of their own; `log` records (ureq, rustls) are caught as well.
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(collected.clone()).init();

    let mut texts = String::new();
    let prompts = Mutex::new(String::new());
    let on_prompt = |prompt: &UserPrompt| prompts.lock().unwrap().push_str(&format!("{prompt:?}"));
    let stub = Stub::polls([
        Step::fault("authorization_pending"),
        Step::Close,
        Step::ok(r#"{"accessToken":"stub-access-token-cut"#),
        Step::fault("slow_down"),
        Step::token(),
    ]);
    let signed_in =
        sign_in_within(std::time::Duration::from_secs(20), &stub.endpoint(), None, on_prompt).unwrap();
    texts.push_str(&format!("{signed_in:?}"));
    // The ends that carry the service's words and bodies.
    for last in [
        Step::fault("access_denied"),
        Step::ok(r#"{"refreshToken":"stub-refresh-token","message":5}"#),
        Step::Answer(
            400,
            "",
            r#"{"message":"device code stub-device-code of stub-client-secret is odd"}"#.to_owned(),
        ),
        Step::fault("unknown stub-device-code"),
        Step::ok(r#"{"accessToken":["stub-access-token"],"expiresIn":5}"#),
    ] {
        let stub = Stub::polls([last]);
        let end = sign_in_within(std::time::Duration::from_secs(20), &stub.endpoint(), None, on_prompt)
            .unwrap_err();
        texts.push_str(&format!("{end:?} {end}"));
    }
    texts.push_str(&prompts.lock().unwrap());
    let logged = String::from_utf8(collected.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("CreateToken"), "nothing was logged, so nothing was tested:\n{logged}");
    assert!(logged.contains("TRACE"), "no logger was at its most talkative:\n{logged}");
    for secret in
        ["stub-client-secret", "stub-device-code", "stub-access-token", "stub-refresh-token", "WDJB-MJHT"]
    {
        for (place, text) in [("log", &logged), ("Debug or error", &texts)] {
            let at = text.find(secret).map(|at| &text[at.saturating_sub(300)..at + 40]);
            assert_eq!(at, None, "{secret} in a {place}");
        }
    }
}
