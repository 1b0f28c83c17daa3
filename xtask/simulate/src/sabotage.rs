//! Deliberate violations of rules, to test their detection and the search for a small example.

/// The violated rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A client that presents a code passes for its owner. This needs a thief and one device.
    Thief,
    /// An approval of a code also approves the code that was issued last. This needs two devices and no
    /// fault.
    Crosstalk,
}

impl Sabotage {
    /// Returns the sabotage of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Thief, Self::Crosstalk].into_iter().find(|sabotage| sabotage.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thief => "thief",
            Self::Crosstalk => "crosstalk",
        }
    }
}
