//! The results of a simulation. They contain only virtual time and counts, so a seed always gives the same
//! text.

use core::fmt;
use std::collections::BTreeMap;

use device_authority::UserDecision;

use crate::args::Config;
use crate::judge::Ending;
use crate::ledger::Fate;
use crate::plan::Plan;

/// Counts, and two lists of samples.
#[derive(Default)]
pub(crate) struct Summary {
    endings: BTreeMap<Ending, u64>,
    polls_per_grant: Vec<u32>,
    /// The times between approval and token, in milliseconds.
    waits: Vec<u32>,
    longest_wait: (u32, u32),
    pub(crate) people: People,
    pub(crate) network: Network,
    pub(crate) slow_downs: u64,
    pub(crate) requests: u64,
    pub(crate) restarts: u64,
    pub(crate) memory_losses: u64,
    pub(crate) thefts: u64,
    pub(crate) typos: u64,
    pub(crate) clock_jumps: u64,
    /// The number of answers of servers without their store.
    pub(crate) away: u64,
    /// The number of connections to the database that broke.
    pub(crate) cuts: u64,
    /// The number of requests that reached all servers at the same time.
    pub(crate) rushes: u64,
    pub(crate) renewed: u64,
    pub(crate) events: u64,
    pub(crate) alive: u64,
    pub(crate) most_alive: u64,
    pub(crate) ended_at: u64,
}

/// The plans of people after a prompt.
#[derive(Default)]
pub(crate) struct People {
    approve_soon: u64,
    approve_late: u64,
    deny: u64,
    forget: u64,
}

impl People {
    pub(crate) fn note(&mut self, plan: Option<&Plan>) {
        *match plan {
            None => &mut self.forget,
            Some(plan) if !matches!(plan.verdict, UserDecision::Approve(_)) => &mut self.deny,
            Some(plan) if plan.is_late() => &mut self.approve_late,
            Some(_) => &mut self.approve_soon,
        } += 1;
    }
}

/// The network's faults.
#[derive(Default)]
pub(crate) struct Network {
    pub(crate) refused: u64,
    pub(crate) lost_requests: u64,
    pub(crate) late_requests: u64,
    pub(crate) copies: u64,
    pub(crate) overtaken: u64,
    lost_answers: u64,
    late_answers: u64,
    hidden_answers: u64,
}

impl Network {
    /// Counts a response that does not arrive unchanged.
    pub(crate) const fn spoilt(&mut self, fate: Fate) {
        match fate {
            Fate::LostOnTheWay => self.lost_answers += 1,
            Fate::CameTooLate => self.late_answers += 1,
            _ => self.hidden_answers += 1,
        }
    }
}

impl Summary {
    pub(crate) fn end(&mut self, ending: Ending) {
        *self.endings.entry(ending).or_default() += 1;
    }

    pub(crate) fn grant(&mut self, device: u32, polls: u32, wait: u64) {
        let wait = u32::try_from(wait / 1000).unwrap_or(u32::MAX);
        self.polls_per_grant.push(polls);
        self.waits.push(wait);
        self.longest_wait = self.longest_wait.max((wait, device));
    }

    pub(crate) fn ended(&self) -> u64 {
        self.endings.values().sum()
    }

    pub(crate) fn text(&mut self, config: &Config) -> String {
        self.polls_per_grant.sort_unstable();
        self.waits.sort_unstable();
        Told { summary: self, config }.to_string()
    }

    fn sum(&self, which: impl Fn(&Ending) -> bool) -> u64 {
        self.endings.iter().filter(|(ending, _)| which(ending)).map(|(_, count)| count).sum()
    }
}

struct Told<'a> {
    summary: &'a Summary,
    config: &'a Config,
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.outcomes(f)?;
        self.lost_grants(f)?;
        self.samples(f)?;
        self.circumstances(f)
    }
}

impl Told<'_> {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config;
        let wire = if config.wire {
            "every message through the wire format"
        } else {
            "messages handed over as they are"
        };
        writeln!(
            f,
            "{} devices over {} h, seed {}, faults {}, interval {} s, {wire}",
            config.ids().len(),
            config.hours,
            config.seed,
            config.faults.name,
            config.interval,
        )
    }

    fn outcomes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let summary = self.summary;
        let all = summary.ended().max(1);
        let mut line = |name: &str, count: u64| {
            writeln!(f, "  {name:<44}{count:>12}  {:>6.2} %", 100.0 * count as f64 / all as f64)
        };
        line("granted", summary.sum(|e| *e == Ending::Granted))?;
        line("denied", summary.sum(|e| *e == Ending::Denied))?;
        line("expired, by the client's clock", summary.sum(|e| *e == Ending::ExpiredByClock))?;
        line("expired, by the service's word", summary.sum(|e| *e == Ending::ExpiredByService))?;
        line("rejected, the server having forgotten it", summary.sum(|e| *e == Ending::Rejected))?;
        line("cancelled", summary.sum(|e| *e == Ending::Cancelled))?;
        line("unreachable", summary.sum(|e| *e == Ending::Unreachable))?;
        line("grant lost, and noticed", summary.sum(|e| matches!(e, Ending::GrantLost(_))))?;
        line("grant lost, and not noticed", summary.sum(|e| matches!(e, Ending::LossUnnoticed(_))))?;
        line("false alarm of a lost grant", summary.sum(|e| matches!(e, Ending::FalseAlarm(_))))
    }

    /// Prints the lost grants, by reason.
    fn lost_grants(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (ending, count) in &self.summary.endings {
            match ending {
                Ending::GrantLost(fate) => writeln!(f, "  lost, noticed: {}: {count}", fate.text())?,
                Ending::LossUnnoticed(fate) => writeln!(f, "  lost, not noticed: {}: {count}", fate.text())?,
                Ending::FalseAlarm(why) => writeln!(f, "  false alarm: {why}: {count}")?,
                _ => {}
            }
        }
        Ok(())
    }

    fn samples(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (polls, waits) = (&self.summary.polls_per_grant, &self.summary.waits);
        let (median, p99, most) = (at(polls, 50), at(polls, 99), at(polls, 100));
        writeln!(f, "  polls per grant: median {median}, p99 {p99}, most {most}")?;
        let seconds = |percent| f64::from(at(waits, percent)) / 1000.0;
        writeln!(
            f,
            "  from approval to token: median {:.1} s, p99 {:.1} s, worst {:.1} s (device {})",
            seconds(50),
            seconds(99),
            seconds(100),
            self.summary.longest_wait.1,
        )
    }

    fn circumstances(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { people, network, .. } = self.summary;
        let summary = self.summary;
        writeln!(
            f,
            "  people: {} approve soon, {} late, {} deny, {} forget; {} codes mistyped; {} thefts tried",
            people.approve_soon,
            people.approve_late,
            people.deny,
            people.forget,
            summary.typos,
            summary.thefts
        )?;
        writeln!(
            f,
            "  requests: {} in all, {} not connected, {} lost, {} late, {} doubled, {} overtaken by a later one",
            summary.requests,
            network.refused,
            network.lost_requests,
            network.late_requests,
            network.copies,
            network.overtaken
        )?;
        writeln!(
            f,
            "  answers: {} lost, {} late, {} hidden by a gateway; {} slow_downs; {} registrations renewed",
            network.lost_answers,
            network.late_answers,
            network.hidden_answers,
            summary.slow_downs,
            summary.renewed
        )?;
        writeln!(
            f,
            "  {} restarts of the server, {} of them with loss of memory; {} clock jumps",
            summary.restarts, summary.memory_losses, summary.clock_jumps
        )?;
        if let Some(shared) = &self.config.shared {
            writeln!(
                f,
                "  {} servers at one database: {} requests at all of them at once, {} connections cut, {} answers \
                 without the store",
                shared.servers, summary.rushes, summary.cuts, summary.away
            )?;
        }
        write!(
            f,
            "  {} events in {:.2} virtual hours, at most {} sign-ins at once",
            summary.events,
            summary.ended_at as f64 / 3.6e9,
            summary.most_alive
        )
    }
}

/// Returns the sample at this percentile.
fn at(sorted: &[u32], percent: usize) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
