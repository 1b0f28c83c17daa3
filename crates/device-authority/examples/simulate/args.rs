//! The command line.

use crate::faults::{Faults, LEVELS};

pub(crate) const USAGE: &str = "\
simulate [--seed S] [--seeds COUNT] [--devices N] [--hours H] [--faults none|normal|harsh] [--interval SECONDS]
         [--wire on|off] [--watch DEVICE] [--machine]

  --seeds    so many simulations, of this seed and those that follow it
  --hours    over how long the devices appear
  --wire     off hands the messages over as they are, without encoding and decoding them
  --watch    tell everything that happens to this device
  --machine  no world at all: only the speed and size of so many flows at once";

/// What to simulate.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) seed: u64,
    pub(crate) seeds: u64,
    pub(crate) devices: u32,
    pub(crate) hours: f64,
    pub(crate) faults: Faults,
    pub(crate) interval: u64,
    pub(crate) wire: bool,
    pub(crate) watch: Option<u32>,
    pub(crate) machine: bool,
}

impl Config {
    pub(crate) fn read(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut config = Self {
            seed: 1,
            seeds: 1,
            devices: 1000,
            hours: 1.0,
            faults: LEVELS[1],
            interval: 5,
            wire: true,
            watch: None,
            machine: false,
        };
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
                "--hours" => config.hours = value.parse().map_err(|_| bad())?,
                "--interval" => config.interval = value.parse().map_err(|_| bad())?,
                "--watch" => config.watch = Some(value.parse().map_err(|_| bad())?),
                "--wire" if ["on", "off"].contains(&value.as_str()) => config.wire = value == "on",
                "--faults" => {
                    config.faults = LEVELS.into_iter().find(|level| level.name == value).ok_or_else(bad)?;
                }
                "--wire" => return Err(bad()),
                _ => return Err(format!("there is no {flag}")),
            }
        }
        if config.devices == 0 || !config.hours.is_finite() || config.hours < 0.0 || config.interval == 0 {
            return Err("nothing to simulate".to_owned());
        }
        Ok(config)
    }

    /// The command that plays the same again.
    pub(crate) fn command(&self) -> String {
        let Self { seed, devices, hours, faults, interval, .. } = self;
        let wire = if self.wire { "" } else { " --wire off" };
        format!(
            "cargo xtask simulate --seed {seed} --devices {devices} --hours {hours} --faults {} --interval {interval}{wire}",
            faults.name
        )
    }
}
