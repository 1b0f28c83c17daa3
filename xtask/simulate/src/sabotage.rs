//! Deliberate violations of rules, to test their detection and the search for a small example.

/// The violated rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A client that presents a code passes for its owner. This needs an attacker and one device.
    Attacker,
    /// An approval of a code also approves the code that was issued last. This needs two devices and no
    /// fault.
    Crosstalk,
    /// A commit in the database ignores that a device has changed since it was loaded. This needs one device, and two
    /// servers that get a request at the same time.
    Uncompared,
}

impl Sabotage {
    /// Returns the sabotage of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Attacker, Self::Crosstalk, Self::Uncompared]
            .into_iter()
            .find(|sabotage| sabotage.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Attacker => "attacker",
            Self::Crosstalk => "crosstalk",
            Self::Uncompared => "uncompared",
        }
    }
}
