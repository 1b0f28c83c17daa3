//! A whole sign-in with every logger at its highest level, and no secret in the log. The test has its own
//! process, because the logger is global.

use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use adapter_tests::stub::{Step, Stub};
use adapter_tests::{Adapter, for_both_adapters};
use device_flow::UserPrompt;
use tracing_subscriber::fmt::MakeWriter;

const GENEROUS: Duration = Duration::from_secs(20);

/// The log is global, because adapters log from threads of their own. It includes `log` records of ureq and
/// rustls.
static COLLECTED: LazyLock<Collected> = LazyLock::new(|| {
    let collected = Collected::default();
    tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(collected.clone()).init();
    collected
});

/// The permit to log, so that each test sees only its own adapter's log.
static LOGGING: Mutex<()> = Mutex::new(());

/// Collects the log.
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

fn no_secret_reaches_a_log_a_debug_or_an_error_at_trace_level<A: Adapter>() {
    let _turn = LOGGING.lock().unwrap_or_else(PoisonError::into_inner);
    COLLECTED.0.lock().unwrap().clear();
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
    let signed_in = A::sign_in_within(GENEROUS, &stub.endpoint(), None, on_prompt).unwrap();
    texts.push_str(&format!("{signed_in:?}"));
    // These endings carry the service's texts and bodies.
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
        let end = A::sign_in_within(GENEROUS, &stub.endpoint(), None, on_prompt).unwrap_err();
        texts.push_str(&format!("{end:?} {end}"));
    }
    texts.push_str(&prompts.lock().unwrap());
    let logged = String::from_utf8(COLLECTED.0.lock().unwrap().clone()).unwrap();
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

for_both_adapters! {
    no_secret_reaches_a_log_a_debug_or_an_error_at_trace_level,
}
