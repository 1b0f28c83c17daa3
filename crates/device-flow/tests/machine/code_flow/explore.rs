//! Every short history of a code flow, beside the reference.

use std::collections::{BTreeSet, VecDeque};

use super::model::{Change, Input, Pair};
use super::reference::{Heard, Lack, Settings, Target};
use crate::rows::CODE_FLOW;

pub(crate) const HEARD: [Heard; 15] = [
    Heard::Success,
    Heard::SlowDown,
    Heard::ServerError,
    Heard::Pending,
    Heard::Denied,
    Heard::Expired,
    Heard::InvalidGrant,
    Heard::InvalidClient,
    Heard::Other,
    Heard::BadGateway,
    Heard::NotFound,
    Heard::Broken,
    Heard::NotSent,
    Heard::ProxyRefused,
    Heard::Lost,
];

pub(crate) const TARGETS: [Target; 7] = [
    Target::OtherPath,
    Target::NoResponse,
    Target::OtherState,
    Target::Code,
    Target::Denied,
    Target::Error,
    Target::OtherIssuer,
];

/// The longest history. Each situation is entered once, so no new one comes after fewer inputs.
const DEPTH: usize = 24;

fn inputs() -> Vec<Input> {
    let mut inputs = vec![Input::Poll, Input::Pass(1), Input::PassUntilDue, Input::Abandon, Input::Cancel];
    inputs.extend(TARGETS.map(Input::Callback));
    inputs.extend(HEARD.map(Input::Reply));
    inputs
}

/// Returns the changes of the table.
fn documented() -> BTreeSet<(String, String, String)> {
    let rows = CODE_FLOW.rows().into_iter();
    rows.flat_map(|row| {
        row.events.clone().into_iter().map(move |event| (row.state.clone(), event, row.next.clone()))
    })
    .collect()
}

/// Enters every situation that histories of up to [`DEPTH`] inputs reach, and tries every input there.
#[test]
fn every_short_history_agrees_with_the_reference_and_meets_every_row_of_the_table() {
    let inputs = inputs();
    let (mut changes, mut steps, mut situations) = (BTreeSet::<Change>::new(), 0_u64, 0_usize);
    for lack in [Lack::Nothing, Lack::Registration, Lack::Page, Lack::StartUrl] {
        for cached in [false, true] {
            let settings = Settings { lack, cached, retry_window: 6, redirect_timeout: 2 };
            let mut seen = BTreeSet::new();
            let mut queue = VecDeque::from([Vec::new()]);
            while let Some(history) = queue.pop_front() {
                for input in &inputs {
                    let mut pair = Pair::new(settings);
                    history.iter().for_each(|input| pair.apply(*input));
                    pair.apply(*input);
                    steps += 1;
                    changes.append(&mut pair.changes);
                    if seen.insert(pair.model) && history.len() < DEPTH {
                        queue.push_back([history.as_slice(), &[*input]].concat());
                    }
                }
            }
            situations += seen.len();
        }
    }
    println!("{situations} situations, {steps} inputs, {} kinds of change", changes.len());
    let met: BTreeSet<_> = changes
        .into_iter()
        .map(|(from, event, to)| (from.to_owned(), event.to_owned(), to.to_owned()))
        .collect();
    assert_eq!(met, documented());
    assert!(situations > 200, "{situations}");
}
