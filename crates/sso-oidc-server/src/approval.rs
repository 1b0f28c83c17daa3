//! The source of approvals: a person on the page, or a simulated one.

use core::fmt;
use core::str::FromStr;

/// The source of the decision on each device, and on each authorization request.
///
/// A simulated person decides through the same rules as a real one, so a device cannot tell the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Approval {
    /// A real person decides, on the page. On a device also through a [`crate::Handle`].
    #[default]
    Manual,
    /// The server approves every device when it asks. `/authorize` redirects with a code at once.
    Auto,
    /// The server approves every device after this many polls that found it pending. Nothing polls in the
    /// authorization code flow, so there it is the same as [`Approval::Auto`].
    AfterPolls(u32),
    /// The server denies every device when it asks. `/authorize` redirects with `access_denied` at once.
    Deny,
    /// The code of every device expires after its first poll. `/authorize` redirects with a code that has
    /// expired.
    Expire,
}

impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manual => f.write_str("manual"),
            Self::Auto => f.write_str("auto"),
            Self::AfterPolls(polls) => write!(f, "after-polls={polls}"),
            Self::Deny => f.write_str("deny"),
            Self::Expire => f.write_str("expire"),
        }
    }
}

/// The error of a text that is no [`Approval`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected manual, auto, after-polls=N, deny or expire")]
#[non_exhaustive]
pub struct ApprovalError;

impl FromStr for Approval {
    type Err = ApprovalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "manual" => Ok(Self::Manual),
            "auto" => Ok(Self::Auto),
            "deny" => Ok(Self::Deny),
            "expire" => Ok(Self::Expire),
            _ => text
                .strip_prefix("after-polls=")
                .and_then(|polls| polls.parse().ok())
                .map(Self::AfterPolls)
                .ok_or(ApprovalError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_read_as_it_is_written() {
        for mode in
            [Approval::Manual, Approval::Auto, Approval::AfterPolls(3), Approval::Deny, Approval::Expire]
        {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
    }

    #[test]
    fn a_text_that_names_no_mode_is_refused() {
        for text in ["", "Auto", "after-polls", "after-polls=", "after-polls=-1", "after-polls=x"] {
            assert_eq!(text.parse::<Approval>(), Err(ApprovalError), "{text}");
        }
    }
}
