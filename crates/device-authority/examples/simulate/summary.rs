//! What came of it all. Only virtual time and counts: the same seed gives the same text, byte for byte.

use core::fmt;
use std::collections::BTreeMap;

use crate::args::Config;
use crate::judge::Ending;

/// Counts, and two lists of samples.
#[derive(Default)]
pub(crate) struct Summary {
    endings: BTreeMap<Ending, u64>,
    polls_per_grant: Vec<u32>,
    /// From the approval to the token, in milliseconds.
    waits: Vec<u32>,
    pub(crate) slow_downs: u64,
    pub(crate) requests: u64,
    pub(crate) copies: u64,
    pub(crate) restarts: u64,
    pub(crate) memory_losses: u64,
    pub(crate) thefts: u64,
    pub(crate) typos: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) renewed: u64,
    pub(crate) events: u64,
    pub(crate) alive: u64,
    pub(crate) most_alive: u64,
    pub(crate) ended_at: u64,
}

impl Summary {
    pub(crate) fn end(&mut self, ending: Ending) {
        *self.endings.entry(ending).or_default() += 1;
    }

    pub(crate) fn grant(&mut self, polls: u32, wait: u64) {
        self.polls_per_grant.push(polls);
        self.waits.push(u32::try_from(wait / 1000).unwrap_or(u32::MAX));
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
        let Self { summary, config } = self;
        let all = summary.ended().max(1);
        writeln!(
            f,
            "{} devices over {} h, seed {}, faults {}, interval {} s, {}",
            config.devices,
            config.hours,
            config.seed,
            config.faults.name,
            config.interval,
            if config.wire {
                "every message through the wire format"
            } else {
                "messages handed over as they are"
            }
        )?;
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
        line("false alarm of a lost grant", summary.sum(|e| matches!(e, Ending::FalseAlarm(_))))?;
        for (ending, count) in &summary.endings {
            match ending {
                Ending::GrantLost(fate) => writeln!(f, "  lost, noticed: {}: {count}", fate.text())?,
                Ending::LossUnnoticed(fate) => writeln!(f, "  lost, not noticed: {}: {count}", fate.text())?,
                Ending::FalseAlarm(why) => writeln!(f, "  false alarm: {why}: {count}")?,
                _ => {}
            }
        }
        let polls = &summary.polls_per_grant;
        writeln!(
            f,
            "  polls per grant: median {}, p99 {}, most {}",
            at(polls, 50),
            at(polls, 99),
            at(polls, 100)
        )?;
        let seconds = |percent| f64::from(at(&summary.waits, percent)) / 1000.0;
        writeln!(
            f,
            "  from approval to token: median {:.1} s, p99 {:.1} s, worst {:.1} s",
            seconds(50),
            seconds(99),
            seconds(100)
        )?;
        writeln!(
            f,
            "  {} requests, {} second copies, {} slow_downs, {} registrations renewed",
            summary.requests, summary.copies, summary.slow_downs, summary.renewed
        )?;
        writeln!(
            f,
            "  {} restarts of the server, {} of them with loss of memory; {} thefts tried, {} codes mistyped, {} clock \
             jumps",
            summary.restarts, summary.memory_losses, summary.thefts, summary.typos, summary.clock_jumps
        )?;
        write!(
            f,
            "  {} events in {:.2} virtual hours, at most {} sign-ins at once",
            summary.events,
            summary.ended_at as f64 / 3.6e9,
            summary.most_alive
        )
    }
}

/// The sample below which so many of a hundred lie.
fn at(sorted: &[u32], percent: usize) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or_default()
}
