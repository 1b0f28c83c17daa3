//! What a driver tells the program that embeds it.

use oidc_proto::Operation;

use crate::{DeviceFlow, Phase, Tick, Trouble, UserPrompt};

/// Receives the prompt, and what happens around it. Every adapter takes one; a closure over [`UserPrompt`] is one
/// that ignores everything else.
pub trait Observer {
    /// Show this to the person. Called once, and once more if a rejected cached registration made the first codes
    /// void.
    fn prompt(&mut self, prompt: &UserPrompt);

    /// A request is about to be sent.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn sending(&mut self, operation: Operation) {}

    /// The driver is about to wait.
    #[expect(unused_variables, reason = "named for those who write their own")]
    fn waiting(&mut self, status: &Status<'_>) {}
}

impl<F: FnMut(&UserPrompt)> Observer for F {
    fn prompt(&mut self, prompt: &UserPrompt) {
        self(prompt);
    }
}

/// A flow that waits, for a status line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Status<'a> {
    /// What it waits for: for the person, or for the next try before the prompt.
    pub phase: Phase,
    /// The time now.
    pub now: Tick,
    /// When the next request is due.
    pub until: Tick,
    /// When the code dies, once there is one.
    pub deadline: Option<Tick>,
    /// How many CreateToken requests were sent.
    pub polls: u32,
    /// What went wrong since the last verdict.
    pub trouble: Option<&'a Trouble>,
}

impl<'a> Status<'a> {
    /// The status of a flow that answered [`Action::Wait`](crate::Action::Wait) with `until`.
    #[must_use]
    pub fn of(flow: &'a DeviceFlow, now: Tick, until: Tick) -> Self {
        Self {
            phase: flow.phase(),
            now,
            until,
            deadline: flow.deadline(),
            polls: flow.polls(),
            trouble: flow.trouble(),
        }
    }
}
