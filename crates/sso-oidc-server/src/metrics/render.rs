//! All metrics, with their names.

use core::sync::atomic::{AtomicU64, Ordering};

use device_authority::Counts;
use oidc_proto::Operation;

use super::text::Text;
use super::{Displacement, OPERATIONS, REFUSALS};
#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::router::ROUTES;
use crate::state::State;

/// The name of a request that is no operation, or of no route's, in a label.
const NONE: &str = "-";

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// Returns the metrics as text; `None` if the configuration has none.
pub(super) async fn render(state: &State) -> Option<String> {
    let metrics = state.metrics.as_deref()?;
    let mut text = Text::default();

    let name = "sso_oidc_requests_total";
    text.begin(
        name,
        "counter",
        "Answered requests. The outcome is success, an error code, or else the kind of status.",
    );
    let outcomes = metrics.outcomes.names();
    for (row, counters) in metrics.requests.chunks(outcomes.len()).enumerate() {
        let route = ROUTES.get(row);
        let operation = route.and_then(|route| route.operation()).map_or(NONE, Operation::name);
        for (outcome, count) in outcomes.iter().zip(counters.iter().map(read)).filter(|(_, count)| *count > 0)
        {
            let route = route.map_or("unknown", |route| route.path);
            text.sample(name, &[("operation", operation), ("route", route), ("outcome", outcome)], count);
        }
    }

    let name = "sso_oidc_request_duration_seconds";
    text.begin(name, "histogram", "Time from the arrival of a whole request to its response, by operation.");
    let names = OPERATIONS.into_iter().map(Operation::name).chain([NONE]);
    for (operation, histogram) in names.zip(&metrics.durations) {
        text.histogram(name, Some(("operation", operation)), histogram);
    }

    let name = "sso_oidc_requests_refused_total";
    text.begin(name, "counter", "Requests that a limit refused. They are among the answered ones.");
    for ((_, limit), counter) in REFUSALS.iter().zip(&metrics.refusals) {
        text.sample(name, &[("limit", limit)], read(counter));
    }

    connections(state, &mut text);
    store(state, &mut text).await;

    let help = "User codes that were not looked at, after too many wrong ones.";
    text.single("sso_oidc_guesses_refused_total", "counter", help, read(&metrics.guesses_refused));

    #[cfg(feature = "faults")]
    {
        let name = "sso_oidc_injected_faults_total";
        text.begin(name, "counter", "Requests that an injected fault changed.");
        let counts = InjectedFault::ALL.iter().zip(metrics.injected.iter().map(read));
        for (fault, count) in counts.filter(|(_, count)| *count > 0) {
            text.sample(name, &[("fault", fault.name())], count);
        }
    }

    let started = state.clock.started().since_epoch().as_secs_f64();
    let help = "Start time of the server since the Unix epoch in seconds.";
    text.single("process_start_time_seconds", "gauge", help, started);
    let name = "sso_oidc_build_info";
    text.begin(name, "gauge", "The version of the server. The value is 1.");
    text.sample(name, &[("version", env!("CARGO_PKG_VERSION"))], 1);
    Some(text.finish())
}

fn connections(state: &State, text: &mut Text) {
    let Some(metrics) = &state.metrics else { return };
    text.single("sso_oidc_connections", "gauge", "Open connections.", read(&metrics.open));
    let help = "Accepted connections.";
    text.single("sso_oidc_connections_accepted_total", "counter", help, read(&state.connections));
    let name = "sso_oidc_connections_displaced_total";
    text.begin(name, "counter", "Connections that a limit closed in favour of others.");
    for ((_, limit), counter) in Displacement::ALL.iter().zip(&metrics.displaced) {
        text.sample(name, &[("limit", limit)], read(counter));
    }
    #[cfg(feature = "tls")]
    if let Some(tls) = &state.tls {
        let help = "TLS handshakes that failed.";
        text.single("sso_oidc_tls_handshakes_failed_total", "counter", help, read(&tls.failed));
    }
}

/// Writes what the store says at once. A store that does not answer has no counts.
async fn store(state: &State, text: &mut Text) {
    let Some(metrics) = &state.metrics else { return };
    let name = "sso_oidc_store_operation_duration_seconds";
    text.begin(name, "histogram", "Time of an operation of the store, with the decision in it.");
    text.histogram(name, None, &metrics.store);
    let name = "sso_oidc_store_errors_total";
    text.begin(name, "counter", "Operations that the store did not perform.");
    text.sample(name, &[("reason", "full")], read(&metrics.store_full));
    text.sample(name, &[("reason", "unavailable")], read(&metrics.store_unavailable));
    if let Ok(counts) = state.store().counts().await {
        let name = "sso_oidc_store_records";
        text.begin(name, "gauge", "Records that the store holds. A few of them may have expired.");
        kinds(text, name, counts);
    }
    if let Some(evictions) = state.store().evictions() {
        let name = "sso_oidc_store_evictions_total";
        text.begin(name, "counter", "Records that made room for others in a full store.");
        kinds(text, name, evictions);
    }
}

fn kinds(text: &mut Text, name: &str, counts: Counts) {
    for (kind, count) in [
        ("clients", counts.clients),
        ("devices", counts.devices),
        ("authorization_codes", counts.codes),
        ("refresh_tokens", counts.families),
        ("access_tokens", counts.access),
        ("guess_sources", counts.sources),
    ] {
        text.sample(name, &[("kind", kind)], count);
    }
}
