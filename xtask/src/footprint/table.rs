//! The table of measurements: on the screen, in a file, and in the README, which must match the file.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::Measured;
use crate::workspace;

/// The file with the last measured table. `cargo xtask tidy` compares the README with it.
pub(crate) const FILE: &str = "xtask/peers/footprint/table.md";

/// Formats the table for the README. A cold build has a column if it was measured.
pub(super) fn markdown(rows: &[Measured]) -> String {
    let with_build = rows.iter().all(|row| row.build_seconds.is_some());
    let [name, line] = if with_build { [" cold build, CPU s |", "---|"] } else { ["", ""] };
    let mut text = format!(
        "| a sign-in | CPU, ms | instructions | a poll | bytes a poll | connections | binary, MB | crates |{name}\n\
         |---|---|---|---|---|---|---|---|{line}\n"
    );
    for row in rows {
        let device = row.device.as_ref().map_or_else(
            || "– | – | – | –".to_owned(),
            |device| {
                let [whole, poll] =
                    [device.instructions, device.instructions_a_poll].map(|count| (count + 500) / 1000);
                format!("{whole} k | {poll} k | {} | {}", device.bytes_a_poll, device.connections)
            },
        );
        let _ = write!(
            text,
            "| {} | {}.{:02} | {device} | {}.{:02} | {} |",
            row.shown,
            row.cpu[0] / 1000,
            row.cpu[0] % 1000 / 10,
            row.binary_bytes / 1_000_000,
            row.binary_bytes % 1_000_000 / 10_000,
            row.crates,
        );
        if let Some(seconds) = row.build_seconds.filter(|_| with_build) {
            let _ = write!(text, " {seconds} |");
        }
        text.push('\n');
    }
    text
}

/// Prints each of our programs beside the one that it is compared with.
pub(super) fn targets(rows: &[Measured]) {
    let row = |name: &str| rows.iter().find(|row| row.shown.contains(name));
    let Some(sdk) = row("aws-sdk") else { return };
    let pairs = [("device-flow-ureq", "over ureq 3", 65), ("device-flow-reqwest", "compiled in", 90)];
    for (ours, hand, target) in pairs {
        let (Some(ours), Some(hand)) = (row(ours), row(hand)) else { continue };
        println!("\n{} beside {}", ours.shown, hand.shown);
        ratio("CPU of a sign-in, least", ours.cpu[0], hand.cpu[0], 105);
        ratio("CPU of a sign-in, median", ours.cpu[1], hand.cpu[1], 105);
        ratio("CPU of a sign-in beside the AWS SDK", ours.cpu[0], sdk.cpu[0], 30);
        if let (Some(ours), Some(hand)) = (&ours.device, &hand.device) {
            ratio("instructions of a sign-in", ours.instructions, hand.instructions, target);
            ratio("instructions a poll", ours.instructions_a_poll, hand.instructions_a_poll, 105);
        }
        ratio("binary", ours.binary_bytes, hand.binary_bytes, 110);
        if let (Some(ours), Some(sdk)) = (ours.build_seconds, sdk.build_seconds) {
            ratio("cold build beside the AWS SDK", ours, sdk, 33);
        }
    }
}

fn ratio(what: &str, ours: u64, other: u64, target: u64) {
    let percent = ours * 100 / other.max(1);
    let verdict = if percent <= target { "" } else { "   MISSED" };
    println!(
        "  {what:<38}{:>5}.{:02}   (target {}.{:02}){verdict}",
        percent / 100,
        percent % 100,
        target / 100,
        target % 100
    );
}

/// Writes the table to its file.
pub(super) fn write(rows: &[Measured]) -> Result<()> {
    let file = workspace::root().join(FILE);
    fs::write(&file, markdown(rows)).with_context(|| FILE.to_owned())?;
    println!("\nwritten to {FILE}; the README quotes it");
    Ok(())
}
