//! The command line.

use std::ops::Range;

use oidc_proto::Secret;

use crate::faults::{Faults, KINDS, Kind, LEVELS};
use crate::sabotage::Sabotage;

pub(crate) const USAGE: &str = "\
simulate [--seed S] [--seeds COUNT] [--devices N] [--hours H] [--faults none|normal|harsh] [--without KIND,…]
         [--only FIRST[..END]] [--interval SECONDS] [--wire on|off] [--watch FIRST[..END]] [--sabotage RULE] [--machine]
         [--postgres SERVERS] [--cuts CHANCE]

  --seeds     so many simulations, of this seed and those that follow it
  --hours     over how long the devices appear
  --without   leaves out these kinds of faults: slow, lost-request, lost-reply, twice, refused, gateway, jumps, drift,
              thefts, cancels, typos, restarts
  --only      leaves out all devices but these; each does what it would have done among all, as far as it is up to it
  --wire      off hands the messages over as they are, without encoding and decoding them
  --watch     tell everything that happens to these devices
  --sabotage  break a rule on purpose, `attacker` or `crosstalk`, to see that it is noticed and shrunk; with --postgres
              also `uncompared`
  --machine   no world at all: only the speed and size of so many flows at once
  --postgres  keep the records in PostgreSQL, behind so many servers. SSO_OIDC_TEST_POSTGRES has its URL; without it, a
              database is started. Its schema `simulation` is dropped. Some requests reach all servers at the same time.
  --cuts      the chance, in ten thousand, that a connection to the database breaks at a statement";

/// The variable with the URL of the database. Other users cannot read it.
pub(crate) const URL: &str = "SSO_OIDC_TEST_POSTGRES";

/// Several servers at one database.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) url: Secret,
    pub(crate) servers: usize,
    /// The chance, in ten thousand, that a connection breaks at a statement.
    pub(crate) cuts: u32,
}

/// The settings of a simulation.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) seed: u64,
    pub(crate) seeds: u64,
    pub(crate) devices: u32,
    /// The devices to simulate; all if `None`.
    pub(crate) only: Option<Range<u32>>,
    pub(crate) hours: f64,
    /// The faults of the level, without the kinds in `left_out`.
    pub(crate) faults: Faults,
    pub(crate) left_out: Vec<&'static str>,
    pub(crate) interval: u64,
    pub(crate) wire: bool,
    pub(crate) watch: Option<Range<u32>>,
    pub(crate) sabotage: Option<Sabotage>,
    pub(crate) machine: bool,
    /// Servers at a database; one server with its own memory if `None`.
    pub(crate) shared: Option<Shared>,
}

impl Config {
    /// Reads the command line. `url` is the one of the database.
    pub(crate) fn read(mut args: impl Iterator<Item = String>, url: Option<Secret>) -> Result<Self, String> {
        let mut config = Self {
            seed: 1,
            seeds: 1,
            devices: 1000,
            only: None,
            hours: 1.0,
            faults: LEVELS[1],
            left_out: Vec::new(),
            interval: 5,
            wire: true,
            watch: None,
            sabotage: None,
            machine: false,
            shared: None,
        };
        let (mut without, mut servers, mut cuts) = (Vec::new(), None, None);
        while let Some(flag) = args.next() {
            if flag == "--machine" {
                config.machine = true;
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{flag} wants a value"))?;
            let bad = || format!("{flag} {value}: not a value for this");
            match flag.as_str() {
                "--seed" => config.seed = value.parse().map_err(|_| bad())?,
                "--seeds" => config.seeds = value.parse().map_err(|_| bad())?,
                "--devices" => config.devices = value.parse().map_err(|_| bad())?,
                "--only" => config.only = Some(range(&value).ok_or_else(bad)?),
                "--hours" => config.hours = value.parse().map_err(|_| bad())?,
                "--interval" => config.interval = value.parse().map_err(|_| bad())?,
                "--watch" => config.watch = Some(range(&value).ok_or_else(bad)?),
                "--sabotage" => config.sabotage = Some(Sabotage::of(&value).ok_or_else(bad)?),
                "--postgres" => servers = Some(value.parse().map_err(|_| bad())?),
                "--cuts" => cuts = Some(value.parse().map_err(|_| bad())?),
                "--wire" if ["on", "off"].contains(&value.as_str()) => config.wire = value == "on",
                "--faults" => {
                    config.faults = LEVELS.into_iter().find(|level| level.name == value).ok_or_else(bad)?;
                }
                "--without" => {
                    let kind = |name: &str| KINDS.iter().find(|kind| kind.name == name).ok_or_else(bad);
                    without = value.split(',').map(kind).collect::<Result<Vec<_>, _>>()?;
                }
                "--wire" => return Err(bad()),
                _ => return Err(format!("there is no {flag}")),
            }
        }
        if config.devices == 0 || !config.hours.is_finite() || config.hours < 0.0 || config.interval == 0 {
            return Err("nothing to simulate".to_owned());
        }
        config.shared = match (servers, cuts, url) {
            (None, None, _) => None,
            (Some(servers @ 1..), cuts, Some(url)) => {
                Some(Shared { url, servers, cuts: cuts.unwrap_or_default() })
            }
            (Some(1..), _, None) => return Err(format!("--postgres needs a database, whose URL {URL} has")),
            (Some(0), ..) => return Err("--postgres needs a server".to_owned()),
            (None, Some(_), _) => return Err("--cuts needs --postgres".to_owned()),
        };
        if config.sabotage == Some(Sabotage::Uncompared) && config.shared.is_none() {
            return Err("--sabotage uncompared needs --postgres".to_owned());
        }
        if config.ids().is_empty() || config.ids().end > config.devices {
            return Err(format!("of {} devices there are no such ones", config.devices));
        }
        Ok(without.into_iter().fold(config, |config, kind| config.without(kind)))
    }

    /// Returns the ids of the devices that take part.
    pub(crate) fn ids(&self) -> Range<u32> {
        self.only.clone().unwrap_or(0..self.devices)
    }

    /// Returns the same settings without faults of this kind.
    pub(crate) fn without(&self, kind: &Kind) -> Self {
        let mut less = self.clone();
        (kind.leave_out)(&mut less.faults);
        less.left_out.push(kind.name);
        less
    }

    /// Returns the command that repeats this simulation.
    pub(crate) fn command(&self) -> String {
        let Self { seed, devices, hours, faults, interval, .. } = self;
        let mut command = format!(
            "cargo xtask simulate --seed {seed} --devices {devices} --hours {hours} --faults {} --interval {interval}",
            faults.name
        );
        let mut add = |flag: &str, value: String| command.extend([" ", flag, " ", &value]);
        if !self.left_out.is_empty() {
            add("--without", self.left_out.join(","));
        }
        if let Some(only) = &self.only {
            add("--only", written(only));
        }
        if !self.wire {
            add("--wire", "off".to_owned());
        }
        if let Some(sabotage) = self.sabotage {
            add("--sabotage", sabotage.name().to_owned());
        }
        if let Some(shared) = &self.shared {
            add("--postgres", shared.servers.to_string());
            add("--cuts", shared.cuts.to_string());
        }
        if let Some(watch) = &self.watch {
            add("--watch", written(watch));
        }
        command
    }
}

/// Parses `17`, or `17..20` for 17, 18 and 19.
fn range(text: &str) -> Option<Range<u32>> {
    let Some((start, end)) = text.split_once("..") else {
        let only: u32 = text.parse().ok()?;
        return Some(only..only.checked_add(1)?);
    };
    Some(start.parse().ok()?..end.parse().ok()?)
}

fn written(Range { start, end }: &Range<u32>) -> String {
    if *end == start.saturating_add(1) { start.to_string() } else { format!("{start}..{end}") }
}
