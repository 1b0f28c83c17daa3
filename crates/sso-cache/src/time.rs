//! The times in cache files: RFC 3339 in UTC and whole seconds when written, more forms when read.

use oidc_proto::UnixSeconds;
use time::{Date, Month, OffsetDateTime};

/// The first and last second of a four-digit year. Python's reader has no year 0.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Formats as `YYYY-MM-DDTHH:MM:SSZ`, the one form that every AWS tool reads. Times outside the years 1 to
/// 9999 become the nearest end.
///
/// ```
/// let time = oidc_proto::UnixSeconds::new(1_640_467_800);
/// assert_eq!(sso_cache::format_time(time), "2021-12-25T21:30:00Z");
/// ```
#[must_use]
pub fn format_time(time: UnixSeconds) -> String {
    let time = OffsetDateTime::from_unix_timestamp(time.get().clamp(FIRST, LAST));
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (date, month) = (time.date(), u8::from(time.month()));
    let (hour, minute, second) = time.to_hms();
    format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.year(), date.day())
}

/// Parses every form that AWS's tools have written: with or without a fraction (cut off), with `Z`, an offset
/// or `UTC`. A time without a zone is rejected, because it would be a guess.
pub(crate) fn parse(text: &str) -> Option<UnixSeconds> {
    let text = text.trim();
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, rest) = (rest.get(..8)?, rest.get(8..)?);

    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    // 60 is a leap second (RFC 3339 §5.7).
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
        None => rest,
    };
    let seconds = date.midnight().assume_utc().unix_timestamp() + hour * 3600 + minute * 60 + second;
    Some(UnixSeconds::new(seconds - offset(zone.trim_start())?))
}

/// Returns the offset from UTC in seconds: `Z`, `UTC`, `+HH:MM` or `+HHMM`.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z" | "UTC") {
        return Some(0);
    }
    let (sign, digits) = match (zone.strip_prefix('+'), zone.strip_prefix('-')) {
        (Some(digits), _) => (1, digits),
        (None, Some(digits)) => (-1, digits),
        (None, None) => return None,
    };
    let (hours, minutes) = (digits.get(..2)?, digits.get(2..)?);
    let hours = number(hours, 2).filter(|hours| *hours < 24)?;
    let minutes = number(minutes.strip_prefix(':').unwrap_or(minutes), 2).filter(|minutes| *minutes < 60)?;
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Parses exactly three numbers of these lengths between delimiters.
fn numbers(text: &str, delimiter: char, lengths: [usize; 3]) -> Option<[i64; 3]> {
    let mut parts = text.split(delimiter);
    let mut next = |length| number(parts.next()?, length);
    let [first, second, third] = lengths;
    let numbers = [next(first)?, next(second)?, next(third)?];
    parts.next().is_none().then_some(numbers)
}

/// Parses exactly this many digits; `str::parse` alone would accept a sign.
fn number(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        parse(text).map(UnixSeconds::get)
    }

    #[test]
    fn known_dates_are_known_seconds() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("1971-08-02T16:53:20Z", 50_000_000),
            ("1973-03-03T09:46:40Z", 100_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2021-01-20T21:22:23Z", 1_611_177_743),
            ("2021-12-25T21:30:00Z", 1_640_467_800),
            ("2022-12-25T13:30:00Z", 1_671_975_000),
            ("0001-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(read(text), Some(seconds), "{text}");
            assert_eq!(format_time(UnixSeconds::new(seconds)), text);
        }
    }

    #[test]
    fn every_form_that_a_tool_has_written_is_read() {
        for text in [
            "2021-12-25T21:30:00Z",
            "2021-12-25T21:30:00.123Z",
            "2021-12-25T21:30:00.123456Z",
            "2021-12-25T21:30:00UTC",
            "2021-12-25 21:30:00 UTC",
            "2021-12-25T21:30:00+00:00",
            "2021-12-25T13:30:00-08:00",
            "2021-12-26T03:00:00.5+0530",
            "2021-12-25t21:30:00z",
            " 2021-12-25T21:30:00Z\n",
            "2021-12-25T21:29:60Z",
        ] {
            assert_eq!(read(text), Some(1_640_467_800), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2021-12-25",
            "2021-12-25T21:30:00",
            "2021-12-25T21:30Z",
            "2021-13-01T00:00:00Z",
            "2021-00-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2021-01-00T00:00:00Z",
            "2021-01-01T24:00:00Z",
            "2021-01-01T00:60:00Z",
            "2021-01-01T00:00:61Z",
            "2021-01-01T00:00:00.Z",
            "2021-01-01T00:00:00+1",
            "2021-01-01T00:00:00+24:00",
            "2021-01-01T00:00:00+00:60",
            "+021-01-01T00:00:00Z",
            "2021-+1-01T00:00:00Z",
            "2021-01-01T00:00:00Zé",
            "2021-01-0éT00:00:00Z",
            "1640467800",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_beyond_four_digit_years_is_written_as_the_last_one() {
        assert_eq!(format_time(UnixSeconds::new(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(format_time(UnixSeconds::new(i64::MIN)), "0001-01-01T00:00:00Z");
    }
}
