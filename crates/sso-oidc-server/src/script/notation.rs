//! The notation of a script, in TOML.

use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

use device_authority::UserCode;
use oidc_proto::Secret;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Answer, Chosen, ScriptError, SignIn, Step};
#[cfg(feature = "faults")]
use crate::InjectedFault;
use crate::parse_duration;

/// Reads the sign-ins of a script.
pub(super) fn parse(text: &str) -> Result<Vec<SignIn>, ScriptError> {
    match toml::from_str::<Document>(text) {
        Ok(document) => Ok(document.sign_in.into_iter().map(Into::into).collect()),
        // The error's own text repeats the line, which may have a token.
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            Err(ScriptError(format!("line {line}: {}", error.message())))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    sign_in: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    client: Option<String>,
    start_url: Option<String>,
    user_code: Option<Word<UserCode>>,
    device_code: Option<Word<Secret>>,
    access_token: Option<Word<Secret>>,
    refresh_token: Option<Word<Secret>>,
    expires_in: Option<Word<Duration>>,
    interval: Option<Word<Duration>>,
    token_expires_in: Option<Word<Duration>>,
    #[serde(default)]
    polls: Vec<Step>,
}

impl From<Entry> for SignIn {
    fn from(entry: Entry) -> Self {
        Self {
            client: entry.client,
            start_url: entry.start_url,
            chosen: Chosen {
                user_code: entry.user_code.map(Word::into_inner),
                device_code: entry.device_code.map(Word::into_inner),
                access_token: entry.access_token.map(Word::into_inner),
                refresh_token: entry.refresh_token.map(Word::into_inner),
            },
            expires_in: entry.expires_in.map(Word::into_inner),
            interval: entry.interval.map(Word::into_inner),
            token_expires_in: entry.token_expires_in.map(Word::into_inner),
            polls: entry.polls,
        }
    }
}

/// A value that is written as one word. Its error has the place of the word.
struct Word<T>(T);

impl<T> Word<T> {
    fn into_inner(self) -> T {
        self.0
    }
}

/// A value with a notation as one word.
trait Notation: Sized {
    const EXPECTED: &'static str;

    fn of_text(text: &str) -> Option<Self>;

    /// Reads a number of seconds, if the value is a time.
    fn of_seconds(_: u64) -> Option<Self> {
        None
    }
}

impl Notation for UserCode {
    const EXPECTED: &'static str =
        "a user code of eight letters out of BCDFGHJKLMNPQRSTVWXZ, such as BCDF-GHJK";

    fn of_text(text: &str) -> Option<Self> {
        Self::typed(text)
    }
}

impl Notation for Secret {
    const EXPECTED: &'static str = "a text of visible ASCII characters, and at least one";

    fn of_text(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self::from(text))
    }
}

impl Notation for Duration {
    const EXPECTED: &'static str = "a number of seconds, or a duration such as \"10m\"";

    fn of_text(text: &str) -> Option<Self> {
        parse_duration(text)
    }

    fn of_seconds(seconds: u64) -> Option<Self> {
        Some(Self::from_secs(seconds)).filter(|_| seconds <= u64::from(u32::MAX))
    }
}

impl Notation for Answer {
    const EXPECTED: &'static str = "an answer: pending, slow_down, deny, expire or token";

    fn of_text(text: &str) -> Option<Self> {
        Some(match text {
            "pending" => Self::Pending,
            "slow_down" => Self::SlowDown,
            "deny" => Self::Deny,
            "expire" => Self::Expire,
            "token" => Self::Token,
            _ => return None,
        })
    }
}

#[cfg(feature = "faults")]
impl Notation for InjectedFault {
    const EXPECTED: &'static str =
        "the name of a fault of one response, such as html-502; `sso-oidc serve --fault help` lists them";

    fn of_text(text: &str) -> Option<Self> {
        let fault = text.parse::<Self>().ok()?;
        let concerns_connections = fault.needs_tls() || matches!(fault, Self::Refuse | Self::ResetRequest);
        Some(fault).filter(|_| !concerns_connections)
    }
}

impl<'de, T: Notation> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneWord<T>(PhantomData<T>);

        impl<T: Notation> Visitor<'_> for OneWord<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
                T::of_text(text).ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
                let value = u64::try_from(number).ok().and_then(T::of_seconds);
                value.ok_or_else(|| E::custom(format_args!("expected {}", T::EXPECTED)))
            }
        }

        deserializer.deserialize_any(OneWord(PhantomData)).map(Self)
    }
}

/// A step with more than an answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    answer: Option<Word<Answer>>,
    #[cfg(feature = "faults")]
    fault: Option<Word<InjectedFault>>,
    delay: Option<Word<Duration>>,
    times: Option<u32>,
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneStep;

        impl<'de> Visitor<'de> for OneStep {
            type Value = Step;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}, or a table with answer, fault, delay and times", Answer::EXPECTED)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Step, E> {
                let answer = Answer::of_text(text);
                if answer.is_none() {
                    return Err(E::custom(format_args!("expected {}", Answer::EXPECTED)));
                }
                Ok(Step {
                    answer,
                    #[cfg(feature = "faults")]
                    fault: None,
                    delay: Duration::ZERO,
                    times: 1,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Step, A::Error> {
                let table = Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let times = table.times.unwrap_or(1);
                if times == 0 {
                    return Err(A::Error::custom("expected at least 1 for times"));
                }
                #[cfg(feature = "faults")]
                if table.answer.is_some() && table.fault.is_some() {
                    return Err(A::Error::custom("expected either answer or fault"));
                }
                Ok(Step {
                    answer: table.answer.map(Word::into_inner),
                    #[cfg(feature = "faults")]
                    fault: table.fault.map(Word::into_inner),
                    delay: table.delay.map(Word::into_inner).unwrap_or_default(),
                    times,
                })
            }
        }

        deserializer.deserialize_any(OneStep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Script;

    fn error(text: &str) -> String {
        text.parse::<Script>().unwrap_err().to_string()
    }

    #[test]
    fn a_step_holds_for_its_polls_and_the_last_one_for_all_further_ones() {
        let text = "[[sign_in]]\npolls = [{ answer = \"pending\", times = 2 }, \"slow_down\", { delay = \"200ms\" }]";
        let sign_in = parse(text).unwrap().remove(0);
        let answers: Vec<_> = (0..6).map(|poll| sign_in.step(poll).unwrap().answer).collect();
        let (pending, slow_down) = (Some(Answer::Pending), Some(Answer::SlowDown));
        assert_eq!(answers, [pending, pending, slow_down, None, None, None]);
        assert_eq!(sign_in.step(9).unwrap().delay, Duration::from_millis(200));
        assert_eq!(parse("[[sign_in]]").unwrap().remove(0).step(0), None);
    }

    #[test]
    fn times_are_seconds_or_durations() {
        let sign_in = parse("[[sign_in]]\nexpires_in = \"10m\"\ninterval = 7").unwrap().remove(0);
        let times = (sign_in.expires_in, sign_in.interval);
        assert_eq!(times, (Some(Duration::from_secs(600)), Some(Duration::from_secs(7))));
    }

    #[test]
    fn an_error_names_the_line_and_what_is_allowed() {
        for (line, allowed) in [
            ("polls = [\"maybe\"]", "pending, slow_down, deny, expire or token"),
            ("polls = [{ answer = 1 }]", "pending, slow_down, deny, expire or token"),
            ("polls = [{ answer = \"token\", often = 2 }]", "`times`"),
            ("polls = [{ answer = \"token\", times = 0 }]", "at least 1"),
            ("polls = [2]", "a table with answer"),
            ("user_code = \"AEIO-UUUU\"", "BCDF-GHJK"),
            ("expires_in = \"soon\"", "10m"),
            ("interval = -1", "10m"),
            ("device_code = \"two words\"", "visible ASCII"),
            ("client_name = \"my-tool\"", "`client`"),
        ] {
            let said = error(&format!("\n[[sign_in]]\n{line}\n"));
            assert!(said.contains("line 3") && said.contains(allowed), "{line}: {said}");
        }
        assert!(error("[[signin]]").contains("sign_in"));
    }

    #[cfg(feature = "faults")]
    #[test]
    fn a_fault_is_one_of_a_response() {
        let step =
            parse("[[sign_in]]\npolls = [{ fault = \"html-502\" }]").unwrap().remove(0).step(0).unwrap();
        assert_eq!(step.fault, Some(InjectedFault::Html502));
        for name in ["refuse", "tls-expired", "reset-request", "nonsense"] {
            let said = error(&format!("[[sign_in]]\npolls = [{{ fault = \"{name}\" }}]"));
            assert!(said.contains("line 2") && said.contains("html-502"), "{said}");
        }
        let both = error("[[sign_in]]\npolls = [{ fault = \"html-502\", answer = \"token\" }]");
        assert!(both.contains("either answer or fault"), "{both}");
    }
}
