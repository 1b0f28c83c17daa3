//! The collector of a report: a pure function of the exchanges and their times.

use core::time::Duration;

use oidc_proto::Operation;

use super::Report;
use crate::grant_id::{GrantId, GrantKind, Presented};
use crate::latest::Latest;

/// The growth of the interval with each `slow_down` (RFC 8628 §3.5).
const STEP: Duration = Duration::from_secs(5);

/// An exchange, as far as it matters to the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    /// The time of the request's arrival, since the server's start.
    pub(crate) at: Duration,
    pub(crate) operation: Option<Operation>,
    /// The code or token that the request presented.
    pub(crate) grant: Option<Presented>,
    pub(crate) has_secret_in_query: bool,
    /// The response, if it reached the client.
    pub(crate) answer: Option<Answer>,
}

/// A response that reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    SlowDown,
    /// An error after which the code or token is of no more use.
    Final,
    /// Any other response.
    Other,
}

/// The collector.
#[derive(Default)]
pub(crate) struct Collector {
    report: Report,
    devices: Latest<GrantId, Device>,
    /// The authorization codes and refresh tokens that have brought a token.
    spent: Latest<GrantId, ()>,
    /// The operations whose latest response was lost.
    lost: Vec<Operation>,
}

/// A device code.
struct Device {
    latest_poll: Duration,
    slow_downs: u32,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Token,
    Refusal,
}

impl Collector {
    /// Returns the report so far, without the redirects.
    pub(crate) const fn report(&self) -> Report {
        self.report
    }

    /// Adds an exchange.
    pub(crate) fn add(&mut self, event: Event) {
        self.report.secrets_in_query += u64::from(event.has_secret_in_query);
        self.note_loss(event);
        let Some(Presented { kind, id, rotates, interval }) = event.grant else { return };
        match kind {
            GrantKind::Device => self.poll(id, interval, event),
            GrantKind::Code => {
                let got_token = self.spend(id, event);
                self.report.sign_ins += u64::from(got_token);
            }
            GrantKind::Refresh if rotates => {
                self.spend(id, event);
            }
            // Without rotation a refresh token is never spent.
            GrantKind::Refresh => {}
        }
    }

    /// Counts a repetition after a lost response.
    fn note_loss(&mut self, event: Event) {
        let Some(operation) = event.operation else { return };
        if let Some(place) = self.lost.iter().position(|lost| *lost == operation) {
            self.lost.swap_remove(place);
            self.report.repeats_after_loss += 1;
        }
        if event.answer.is_none() {
            self.lost.push(operation);
        }
    }

    fn poll(&mut self, device: GrantId, interval: Duration, event: Event) {
        let (report, mut is_first) = (&mut self.report, false);
        let device = self.devices.entry(device, || {
            is_first = true;
            Device { latest_poll: event.at, slow_downs: 0, end: None }
        });
        report.polls += 1;
        // In the grace of a device code, a client may ask again for what it has lost.
        let is_graced = device.end == Some(End::Token) && event.answer == Some(Answer::Success);
        if let Some(end) = device.end.filter(|_| !is_graced) {
            report.polls_after_end += 1;
            report.spent_secrets += u64::from(end == End::Token);
        } else if !is_first && !is_graced {
            let gap = event.at.saturating_sub(device.latest_poll);
            let slowed = interval.saturating_add(STEP.saturating_mul(device.slow_downs));
            report.early_polls += u64::from(gap < interval);
            report.slow_downs_ignored += u64::from(device.slow_downs > 0 && gap < slowed);
        }
        device.latest_poll = event.at;
        match event.answer {
            Some(Answer::Success) => {
                report.sign_ins += u64::from(device.end.is_none());
                device.end = Some(End::Token);
            }
            Some(Answer::SlowDown) => device.slow_downs = device.slow_downs.saturating_add(1),
            Some(Answer::Final) => device.end = device.end.or(Some(End::Refusal)),
            Some(Answer::Other) | None => {}
        }
    }

    /// Notes the use of an authorization code or a refresh token. Returns whether it brought a token.
    fn spend(&mut self, grant: GrantId, event: Event) -> bool {
        self.report.spent_secrets += u64::from(self.spent.get(&grant).is_some());
        let succeeded = event.answer == Some(Answer::Success);
        if succeeded {
            self.spent.entry(grant, || ());
        }
        succeeded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    fn poll(at: u64, answer: Option<Answer>) -> Event {
        used(GrantKind::Device, "device code", at, answer)
    }

    fn used(kind: GrantKind, secret: &str, at: u64, answer: Option<Answer>) -> Event {
        Event {
            at: Duration::from_secs(at),
            operation: Some(Operation::CreateToken),
            grant: Some(Presented { kind, id: GrantId::of_text(secret), rotates: true, interval: INTERVAL }),
            has_secret_in_query: false,
            answer,
        }
    }

    fn report(events: &[Event]) -> Report {
        let mut collector = Collector::default();
        events.iter().for_each(|event| collector.add(*event));
        collector.report()
    }

    const PENDING: Option<Answer> = Some(Answer::Other);
    const SLOW: Option<Answer> = Some(Answer::SlowDown);
    const TOKEN: Option<Answer> = Some(Answer::Success);
    const DENIED: Option<Answer> = Some(Answer::Final);

    #[test]
    fn a_polite_client_has_no_findings() {
        let report = report(&[
            poll(0, PENDING),
            poll(5, PENDING),
            poll(10, SLOW),
            poll(20, None),
            poll(30, PENDING),
            poll(40, TOKEN),
            used(GrantKind::Refresh, "first", 50, TOKEN),
            used(GrantKind::Refresh, "second", 60, TOKEN),
        ]);
        assert_eq!(report.findings(), []);
        assert_eq!((report.polls, report.sign_ins, report.repeats_after_loss), (6, 1, 1));
    }

    #[test]
    fn a_poll_before_the_interval_is_early_and_the_first_one_never_is() {
        assert_eq!(report(&[poll(0, PENDING), poll(4, PENDING), poll(9, PENDING)]).early_polls, 1);
    }

    #[test]
    fn each_slow_down_adds_five_seconds_to_every_later_wait() {
        let ignored = |events: &[Event]| {
            let report = report(events);
            (report.early_polls, report.slow_downs_ignored)
        };
        assert_eq!(ignored(&[poll(0, SLOW), poll(10, SLOW), poll(25, PENDING), poll(40, PENDING)]), (0, 0));
        assert_eq!(ignored(&[poll(0, SLOW), poll(9, PENDING), poll(18, PENDING)]), (0, 2));
        assert_eq!(ignored(&[poll(0, SLOW), poll(10, SLOW), poll(24, PENDING)]), (0, 1));
        assert_eq!(ignored(&[poll(0, SLOW), poll(1, PENDING)]), (1, 1));
    }

    #[test]
    fn a_poll_after_the_end_is_one_too_many_and_after_the_token_it_is_a_replay() {
        let after_token = report(&[poll(0, TOKEN), poll(5, DENIED), poll(6, DENIED)]);
        assert_eq!((after_token.polls_after_end, after_token.spent_secrets), (2, 2));
        assert_eq!((after_token.sign_ins, after_token.early_polls), (1, 0));
        let after_denial = report(&[poll(0, DENIED), poll(5, DENIED)]);
        assert_eq!((after_denial.polls_after_end, after_denial.spent_secrets), (1, 0));
    }

    #[test]
    fn a_repetition_after_a_lost_response_is_right_and_no_replay() {
        let lost = report(&[poll(0, None), poll(5, DENIED)]);
        assert_eq!((lost.repeats_after_loss, lost.polls_after_end, lost.sign_ins), (1, 0, 0));
        let refreshed = [
            used(GrantKind::Refresh, "token", 0, None),
            used(GrantKind::Refresh, "token", 1, TOKEN),
            used(GrantKind::Refresh, "token", 2, TOKEN),
        ];
        assert_eq!(report(&refreshed).spent_secrets, 1);
    }

    #[test]
    fn a_spent_code_or_refresh_token_is_not_to_be_sent_again() {
        for kind in [GrantKind::Code, GrantKind::Refresh] {
            let twice = [used(kind, "secret", 0, TOKEN), used(kind, "secret", 1, DENIED)];
            assert_eq!(report(&twice).findings(), [(super::super::Finding::SpentSecrets, 1)], "{kind:?}");
        }
        let reused = [0, 1].map(|at| {
            let mut event = used(GrantKind::Refresh, "stays", at, TOKEN);
            event.grant = event.grant.map(|grant| Presented { rotates: false, ..grant });
            event
        });
        assert_eq!(report(&reused).findings(), []);
    }

    #[test]
    fn devices_are_told_apart() {
        let other = |at| used(GrantKind::Device, "another", at, PENDING);
        assert_eq!(report(&[poll(0, DENIED), other(1), other(6)]).findings(), []);
    }
}
