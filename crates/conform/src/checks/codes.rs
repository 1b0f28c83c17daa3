//! The strength of the codes (RFC 8628 §5.1, §5.2) and their letters (§6.1).

use std::rc::Rc;

use super::{broken, not_made};
use crate::Step;
use crate::check::{Check, Finding, Judged};
use crate::estimate;
use crate::transcript::Transcript;

pub(super) const CHECKS: &[Check] = &[
    Check::should(
        "8628-5.1-user-code",
        "A user code has 34 bits, or the server limits guesses so that one in 2^32 attacks succeeds.",
        user_code,
    ),
    Check::should("8628-5.1-guesses", "The page limits wrong user codes.", guesses),
    Check::should("8628-5.2-device-code", "A device code has 128 bits.", device_code),
    Check::should(
        "8628-6.1-letters",
        "A user code has letters of one case, and not both letters and digits that look alike.",
        letters,
    ),
];

/// The bits of the RFC's own example: eight letters out of twenty, for five guesses.
const USER_CODE_BITS: f64 = 34.0;
/// The chance of an attack in that example is one in two to the power of this.
const SAFE_BITS: f64 = 32.0;
/// The bits that no one can guess.
const DEVICE_CODE_BITS: f64 = 128.0;

/// Returns the samples of a code, and the finding if there are too few.
fn samples<'a>(transcript: &'a Transcript, name: &str) -> Result<Vec<&'a str>, Finding> {
    let samples: Vec<&str> = transcript.codes().filter_map(|(_, answer)| answer.text(name)).collect();
    if samples.len() < 2 {
        return Err(Finding::NotMade("there are not two codes to compare".to_owned()));
    }
    Ok(samples)
}

fn evidence(transcript: &Transcript) -> Vec<Rc<crate::exchange::Exchange>> {
    transcript.codes().map(|(exchange, _)| Rc::clone(exchange)).take(2).collect()
}

fn user_code(transcript: &Transcript) -> Judged {
    let bits = estimate::bits(&samples(transcript, "user_code")?, true);
    if bits >= USER_CODE_BITS {
        return Ok(evidence(transcript));
    }
    match allowed_guesses(transcript) {
        Some(guesses) if bits - f64::from(guesses.max(1)).log2() >= SAFE_BITS => Ok(evidence(transcript)),
        Some(guesses) => Err(Finding::Broken(
            format!("it has about {bits:.0} bits, and the page takes {guesses} guesses"),
            evidence(transcript),
        )),
        None => Err(Finding::Broken(
            format!("it has about {bits:.0} bits, and no limit of guesses was seen"),
            evidence(transcript),
        )),
    }
}

/// Returns the number of guesses until the page refused one; `None` if it refused none.
fn allowed_guesses(transcript: &Transcript) -> Option<u32> {
    let mut guesses = transcript.all(Step::Guess);
    let at = guesses.position(|exchange| exchange.answer.as_ref().is_ok_and(|answer| answer.status() == 429));
    at.and_then(|at| u32::try_from(at).ok())
}

fn guesses(transcript: &Transcript) -> Judged {
    let Some(last) = transcript.all(Step::Guess).last() else {
        return not_made(transcript.reason(Step::Guess));
    };
    match allowed_guesses(transcript) {
        Some(_) => Ok(vec![Rc::clone(last)]),
        None => {
            let count = transcript.all(Step::Guess).count();
            broken(last, format!("{count} wrong codes in a row got no 429"))
        }
    }
}

fn device_code(transcript: &Transcript) -> Judged {
    let bits = estimate::bits(&samples(transcript, "device_code")?, false);
    if bits >= DEVICE_CODE_BITS {
        return Ok(evidence(transcript));
    }
    Err(Finding::Broken(format!("it has about {bits:.0} bits"), evidence(transcript)))
}

fn letters(transcript: &Transcript) -> Judged {
    let samples = samples(transcript, "user_code")?.concat();
    let has = |class: fn(char) -> bool| samples.chars().any(class);
    let why = if has(|c| c.is_ascii_lowercase()) && has(|c| c.is_ascii_uppercase()) {
        "it has letters of both cases"
    } else if !samples.chars().all(|c| c.is_ascii_graphic() || c == ' ') {
        "it has characters that some keyboards lack"
    } else {
        // O and I look like digits, but harm only where the digits occur as well.
        let pair = [('0', 'O'), ('1', 'I'), ('1', 'L')].into_iter().find(|(digit, letter)| {
            samples.contains(*digit) && samples.to_ascii_uppercase().contains(*letter)
        });
        match pair {
            Some(_) => "it has a letter and a digit that look alike",
            None => return Ok(evidence(transcript)),
        }
    };
    Err(Finding::Broken(why.to_owned(), evidence(transcript)))
}
