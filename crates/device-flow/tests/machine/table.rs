//! The transition table: held against the machine, against the crate's documentation, and against the tests it names.

use std::collections::BTreeSet;

use device_flow::transitions::{Input, OutcomeKind, StateKind, TABLE, Transition, When};
use device_flow::{Action, DeviceFlow, Failure, Operation, Phase, Policy, Reply, Tick};
use oidc_proto::oauth::Provider;
use oidc_proto::{FaultCode, Service};

use crate::scenario::{
    Scenario, authorization, fault, not_sent, pending, policy, registration, response, secs, service, token,
    unknown,
};

/// What the conditions of the table speak of.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    cached: bool,
    patience_over: bool,
    past: Past,
}

/// What the polls have met so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Past {
    #[default]
    NoPoll,
    Pending,
    NotSent,
    Lost,
    PendingThenLost,
    LostThenPending,
    LostThenSlowDown,
    GatewayPage,
    GatewayTurnedAway,
}

impl Past {
    const ALL: [Self; 9] = [
        Self::NoPoll,
        Self::Pending,
        Self::NotSent,
        Self::Lost,
        Self::PendingThenLost,
        Self::LostThenPending,
        Self::LostThenSlowDown,
        Self::GatewayPage,
        Self::GatewayTurnedAway,
    ];

    const fn may_be_spent(self) -> bool {
        matches!(self, Self::Lost | Self::PendingThenLost | Self::LostThenSlowDown | Self::GatewayPage)
    }

    const fn never_heard(self) -> bool {
        matches!(self, Self::NotSent | Self::Lost | Self::GatewayPage | Self::GatewayTurnedAway)
    }

    fn play(self, scenario: &mut Scenario) {
        let mut play = |replies: &[Reply]| {
            for reply in replies {
                scenario.poll(reply.clone());
            }
        };
        let page = |scenario: &mut Scenario, status| {
            let (_, ticket) = scenario.next_send();
            let reply = response(&ticket, status, &[], "<html>");
            scenario.flow.on_reply(ticket, scenario.now, reply).unwrap();
        };
        match self {
            Self::NoPoll => {}
            Self::Pending => play(&[pending()]),
            Self::NotSent => play(&[not_sent()]),
            Self::Lost => play(&[unknown()]),
            Self::PendingThenLost => play(&[pending(), unknown()]),
            Self::LostThenPending => play(&[unknown(), pending()]),
            Self::LostThenSlowDown => play(&[unknown(), fault(FaultCode::SlowDown)]),
            Self::GatewayPage => page(scenario, 502),
            Self::GatewayTurnedAway => page(scenario, 429),
        }
    }
}

impl Context {
    fn holds(self, when: When) -> bool {
        match when {
            When::Always => true,
            When::PatienceOver => self.patience_over,
            When::Cached => self.cached,
            When::MaybeSpent => self.past.may_be_spent(),
            When::NeverHeard => self.past.never_heard(),
            other => panic!("{other:?} is new: say here when it holds"),
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        [false, true].into_iter().flat_map(|cached| {
            [false, true].into_iter().flat_map(move |patience_over| {
                Past::ALL.into_iter().map(move |past| Self { cached, patience_over, past })
            })
        })
    }

    /// A flow in this state, if it can be there in this context.
    fn reach(self, state: StateKind, service: impl Into<Service>, policy: Policy) -> Option<Scenario> {
        let service = service.into();
        let registers = service.offers(Operation::RegisterClient);
        let policy = if self.patience_over { policy.with_setup_patience(secs(0)) } else { policy };
        let cached = self.cached.then(|| registration("cached"));
        // Only polls have a past, and a flow with a registration does not register before that is rejected.
        if state != StateKind::Poll && self.past != Past::NoPoll
            || state == StateKind::Register && self.cached
        {
            return None;
        }
        let mut scenario = Scenario::at(service, policy, cached);
        if state == StateKind::Register {
            return Some(scenario);
        }
        if !self.cached {
            if !registers {
                return None;
            }
            scenario.answer(Operation::RegisterClient, Reply::Registered(registration("new")));
        }
        if state == StateKind::Authorize {
            return Some(scenario);
        }
        scenario.answer(Operation::StartDeviceAuthorization, Reply::Authorized(authorization()));
        if state == StateKind::Prompt {
            return Some(scenario);
        }
        assert!(matches!(scenario.flow.poll(scenario.now), Action::Prompt(_)));
        self.past.play(&mut scenario);
        Some(scenario)
    }

    /// What this input does in this state: the state after, or `None` if it cannot happen there.
    fn drive(self, state: StateKind, input: Input) -> Option<StateKind> {
        if input == Input::NotOffered {
            return self.without_endpoint(state);
        }
        let mut scenario = self.reach(state, service(), policy())?;
        match input {
            Input::Cancel => scenario.flow.cancel(),
            Input::Shown => {
                if !matches!(scenario.flow.poll(scenario.now), Action::Prompt(_)) {
                    return None;
                }
            }
            Input::Deadline => {
                scenario.now = scenario.flow.deadline()?;
                assert!(matches!(scenario.flow.poll(scenario.now), Action::Done));
            }
            reply if state == StateKind::Prompt => {
                assert!(reply_to(reply).is_some(), "{reply}");
                return None; // no request is out, so nothing can be answered
            }
            reply => {
                let (_, ticket) = scenario.next_send();
                let reply = reply_to(reply)?(&ticket);
                if scenario.flow.on_reply(ticket, scenario.now, reply).is_err() {
                    assert!(matches!(scenario.flow.poll(scenario.now), Action::AwaitReply));
                    return None;
                }
            }
        }
        let after = kind_of(&mut scenario.flow, scenario.now);
        if let StateKind::Ended(_) = after {
            stays_ended(scenario, after);
        }
        Some(after)
    }

    /// The endpoint lacks what the state sends: only registration can be lacking.
    fn without_endpoint(self, state: StateKind) -> Option<StateKind> {
        let split = Provider::new("https://id.example/d", "https://id.example/t").unwrap();
        let mut scenario = self.reach(state, split, Policy::oauth())?;
        match scenario.flow.poll(scenario.now) {
            Action::Done => Some(kind_of(&mut scenario.flow, scenario.now)),
            _ => None,
        }
    }
}

type MakeReply = fn(&device_flow::Ticket) -> Reply;

/// A reply that is this input, if it is a reply.
fn reply_to(input: Input) -> Option<MakeReply> {
    let make: MakeReply = match input {
        Input::Registered => |_| Reply::Registered(registration("new")),
        Input::Authorized => |_| Reply::Authorized(authorization()),
        Input::Granted => |_| Reply::Granted(token()),
        Input::Pending => |_| pending(),
        Input::SlowDown => |_| fault(FaultCode::SlowDown),
        Input::AccessDenied => |_| fault(FaultCode::AccessDenied),
        Input::ExpiredToken => |_| fault(FaultCode::ExpiredToken),
        Input::InvalidGrant => |_| fault(FaultCode::InvalidGrant),
        Input::ClientRejected => |_| fault(FaultCode::InvalidClient),
        Input::OtherFault => |_| fault(FaultCode::InvalidRequest),
        Input::TransientFault => |_| fault(FaultCode::InternalServer),
        Input::NoVerdict => |ticket| response(ticket, 502, &[], "<html>"),
        Input::Violation => |ticket| response(ticket, 200, &[], "{}"),
        Input::NotSent => |_| Reply::Failed(Failure::NotSent),
        Input::Unknown => |_| Reply::Failed(Failure::Unknown),
        _ => return None,
    };
    Some(make)
}

/// The state as far as it shows.
fn kind_of(flow: &mut DeviceFlow, now: Tick) -> StateKind {
    if let Some(outcome) = flow.outcome() {
        return StateKind::Ended(OutcomeKind::of(outcome));
    }
    match flow.phase() {
        Phase::Registering => StateKind::Register,
        Phase::Authorizing => StateKind::Authorize,
        _ if matches!(flow.poll(now), Action::Prompt(_)) => StateKind::Prompt,
        _ => StateKind::Poll,
    }
}

/// Nothing leads out of an ended state.
fn stays_ended(mut scenario: Scenario, end: StateKind) {
    for _ in 0..2 {
        scenario.now = scenario.now + secs(1_000);
        scenario.flow.abandon(scenario.now);
        assert!(matches!(scenario.flow.poll(scenario.now), Action::Done));
        scenario.flow.cancel();
        assert_eq!(kind_of(&mut scenario.flow, scenario.now), end);
    }
}

fn row_for(state: StateKind, input: Input, context: Context) -> Option<&'static Transition> {
    TABLE.iter().find(|row| row.from == state && row.on.contains(&input) && context.holds(row.when))
}

#[test]
fn the_machine_does_what_the_table_says_and_nothing_else() {
    let mut used = BTreeSet::new();
    for context in Context::all() {
        for state in StateKind::LIVE {
            for input in Input::ALL {
                let Some(after) = context.drive(state, input) else { continue };
                let Some(row) = row_for(state, input, context) else {
                    panic!("{state} {input} leads to {after}, and no row says so; {context:?}")
                };
                assert_eq!(after, row.to, "{state} {input} {context:?}");
                let at = TABLE.iter().position(|other| other == row).unwrap();
                used.insert((at, input));
            }
        }
    }
    let rows: BTreeSet<_> =
        TABLE.iter().enumerate().flat_map(|(at, row)| row.on.iter().map(move |input| (at, *input))).collect();
    let unused: Vec<_> = rows.difference(&used).map(|(at, input)| (TABLE[*at], input)).collect();
    assert!(unused.is_empty(), "these cannot happen: {unused:#?}");
}

#[test]
fn every_transition_has_a_test_of_its_own_name() {
    let tests = [
        include_str!("register.rs"),
        include_str!("authorize.rs"),
        include_str!("poll.rs"),
        include_str!("ended.rs"),
    ];
    for row in TABLE {
        let head = format!("#[test]\nfn {}() {{", row.test);
        assert!(tests.iter().any(|file| file.contains(&head)), "no test `{}` for {row:?}", row.test);
    }
}

/// The crate's documentation, without the comment marks.
fn docs() -> Vec<&'static str> {
    let lines = include_str!("../../src/lib.rs").lines();
    lines
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect()
}

fn table_as_markdown() -> String {
    let mut text = String::from("| state | what happens | when | then |\n|---|---|---|---|\n");
    for row in TABLE {
        let on: Vec<_> = row.on.iter().map(ToString::to_string).collect();
        text += &format!("| {} | {} | {} | {} |\n", row.from, on.join(", "), row.when, row.to);
    }
    text
}

#[test]
fn the_table_in_the_documentation_is_the_table_in_the_code() {
    let docs = docs();
    let shown: Vec<_> = docs
        .iter()
        .skip_while(|line| **line != "| state | what happens | when | then |")
        .take_while(|line| line.starts_with('|'))
        .copied()
        .collect();
    let generated = table_as_markdown();
    let shown = shown.join("\n") + "\n";
    let comment: String = generated.lines().map(|line| format!("//! {line}\n")).collect();
    assert!(shown == generated, "src/lib.rs should say:\n{comment}");
}

/// The picture, as the lines of its block.
fn picture() -> Vec<&'static str> {
    let docs = docs();
    let start = docs.iter().position(|line| *line == "```text").expect("a picture");
    docs[start + 1..].iter().take_while(|line| **line != "```").copied().collect()
}

#[test]
fn the_picture_and_the_list_of_states_name_every_state_and_outcome_of_the_table() {
    let text = picture().join(" ");
    let words: BTreeSet<_> = text.split(|c: char| !c.is_alphabetic()).collect();
    let (_, outcomes) = text.split_once("Ended:").expect("the outcomes are in the picture");
    let outcomes: BTreeSet<_> =
        outcomes.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    let used: BTreeSet<_> = TABLE
        .iter()
        .filter_map(
            |row| if let StateKind::Ended(outcome) = row.to { Some(format!("{outcome:?}")) } else { None },
        )
        .collect();
    assert_eq!(outcomes, used.iter().map(String::as_str).collect());
    assert_eq!(
        outcomes,
        OutcomeKind::ALL
            .iter()
            .map(|kind| format!("{kind:?}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect()
    );
    let bullets: Vec<_> =
        docs().iter().filter_map(|line| line.strip_prefix("* **")?.split("**").next()).collect();
    for state in StateKind::LIVE {
        assert!(words.contains(state.to_string().as_str()), "{state} is not in the picture");
        assert!(bullets.contains(&state.to_string().as_str()), "{state} has no sentence");
    }
    assert_eq!(bullets.len(), StateKind::LIVE.len() + 1, "one sentence for each state, and one for the end");
}

/// The arrows of the picture between different states, as (from, label, to): read off its words, which is all that a
/// picture of lines gives away.
const ARROWS: &[(StateKind, Input, &str, StateKind)] = &[
    (StateKind::Register, Input::Registered, "registration", StateKind::Authorize),
    (StateKind::Authorize, Input::Authorized, "codes", StateKind::Prompt),
    (StateKind::Prompt, Input::Shown, "shown", StateKind::Poll),
    (StateKind::Authorize, Input::ClientRejected, "cached client rejected, once", StateKind::Register),
    (StateKind::Poll, Input::ClientRejected, "cached client rejected, once", StateKind::Register),
];

#[test]
fn the_picture_has_an_arrow_for_every_change_between_live_states() {
    let live = |state: StateKind| StateKind::LIVE.contains(&state);
    let changes: BTreeSet<_> = TABLE
        .iter()
        .filter(|row| live(row.to) && row.from != row.to)
        .flat_map(|row| row.on.iter().map(move |input| (row.from, *input, row.to)))
        .collect();
    assert_eq!(changes, ARROWS.iter().map(|(from, input, _, to)| (*from, *input, *to)).collect());
    let picture = picture();
    for (_, _, label, _) in ARROWS {
        assert!(picture.iter().any(|line| line.contains(label)), "no arrow says `{label}`");
    }
    // The straight way is one line, left to right.
    let way = picture.iter().find(|line| line.starts_with("Register ")).expect("the way begins at Register");
    let stops: Vec<_> = way.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
    assert_eq!(stops, ["Register", "Authorize", "Prompt"]);
    assert_eq!(way.matches('►').count(), 2);
}
