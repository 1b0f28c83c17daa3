//! Durations on the command line: a number with a unit, or of seconds.

use std::time::Duration;

use sso_oidc_server::parse_duration as parse;

/// Parses a duration. A number alone means seconds.
///
/// # Errors
/// The text is no such number. The message has valid examples.
pub(crate) fn any(text: &str) -> Result<Duration, String> {
    parse(text).ok_or_else(|| "expected a duration such as 500ms, 2s, 2, 15m or 8h".to_owned())
}

/// Parses a duration that is longer than nothing.
///
/// # Errors
/// The text is no duration, or the duration is zero. The message has valid examples.
pub(crate) fn positive(text: &str) -> Result<Duration, String> {
    any(text).and_then(|duration| match duration.is_zero() {
        true => Err("expected a duration above zero, such as 500ms, 10s or 2m".to_owned()),
        false => Ok(duration),
    })
}

/// Parses a duration of one second or more, because lifetimes have whole seconds in both dialects.
///
/// # Errors
/// The text is no duration, or the duration is shorter.
pub(crate) fn lifetime(text: &str) -> Result<Duration, String> {
    parse(text)
        .filter(|duration| *duration >= Duration::from_secs(1))
        .ok_or_else(|| "expected at least one second, such as 1s, 30, 15m, 8h or 90d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_alone_means_seconds_and_a_unit_is_taken() {
        for (text, millis) in [
            ("2", 2_000),
            ("0", 0),
            ("500ms", 500),
            ("1s", 1_000),
            ("15m", 900_000),
            ("8h", 28_800_000),
            ("90d", 7_776_000_000),
        ] {
            assert_eq!(any(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "s", "1.5s", "-1", "+1", "1 s", "1sec", "5000000000", "1S"] {
            assert!(any(text).unwrap_err().contains("500ms"), "{text}");
            assert!(lifetime(text).unwrap_err().contains("15m"), "{text}");
        }
        assert!(lifetime("999ms").is_err() && lifetime("0").is_err());
        assert!(positive("0ms").unwrap_err().contains("above zero") && positive("x").is_err());
        assert_eq!(positive("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(lifetime("1000ms"), Ok(Duration::from_secs(1)));
    }
}
