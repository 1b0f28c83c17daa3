//! The events of `tracing`: each thing that happens is told of once.

use std::sync::{Arc, Mutex, PoisonError};

use device_flow::{Action, Operation, Reply};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use crate::scenario::{Scenario, authorization, pending, policy, registration, secs, token};

/// Keeps each event's name, with the outcome and the elapsed time if it has them.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if matches!(field.name(), "outcome" | "elapsed_ms") {
            self.0 += &format!(" {value:?}");
        }
    }
}

impl Subscriber for Heard {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(event.metadata().name().to_owned());
        event.record(&mut text);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The events of what this does.
fn heard(what: impl FnOnce()) -> Vec<String> {
    let heard = Heard::default();
    with_default(heard.clone(), what);
    let heard = heard.0.lock().unwrap_or_else(PoisonError::into_inner);
    heard.iter().map(|text| text.replace("device_flow.", "")).collect()
}

#[test]
fn a_sign_in_is_told_of_step_by_step_and_its_end_once() {
    let events = heard(|| {
        let mut scenario = Scenario::new(policy());
        scenario.answer(Operation::RegisterClient, Reply::Registered(registration("client")));
        scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
        scenario.poll(pending());
        scenario.poll(Reply::Granted(token()));
        assert!(matches!(scenario.flow.poll(scenario.now), Action::Done));
        scenario.flow.cancel();
        drop(scenario.flow.into_result(scenario.now));
    });
    assert_eq!(
        events,
        [
            "sending",
            "sending",
            "prompt",
            "waiting",
            "sending",
            "waiting",
            "sending",
            "ended \"granted\" 10000",
        ]
    );
}

#[test]
fn a_flow_that_is_left_is_told_of_as_cancelled_with_the_time_that_it_took() {
    let events = heard(|| {
        let scenario = Scenario::new(policy());
        drop(scenario.flow.into_result(scenario.now + secs(3)));
    });
    assert_eq!(events, ["ended \"cancelled\" 3000"]);
}
