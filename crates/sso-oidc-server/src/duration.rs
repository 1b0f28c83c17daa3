//! Durations as people write them: a number with a unit, or of seconds.

use core::time::Duration;

/// The units, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Parses a duration, in the notation of `sso-oidc serve`: a number and `ms`, `s`, `m`, `h` or `d`. A number alone
/// means seconds. `None` for any other text.
///
/// ```
/// use core::time::Duration;
/// use sso_oidc_server::parse_duration;
/// assert_eq!(parse_duration("10m"), Some(Duration::from_secs(600)));
/// assert_eq!(parse_duration("1.5s"), None);
/// ```
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let millis = match unit {
        "" => 1_000,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    // Times are added to those of the system, so an absurd one is refused here.
    let number = u64::from(number.parse::<u32>().ok()?);
    Some(Duration::from_millis(number.checked_mul(millis)?))
}
