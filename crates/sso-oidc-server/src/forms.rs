//! The forms of the authorization page: each is for one decision.
//!
//! A form that is pressed twice brings the same answer twice, because a browser shows the answer to the last of
//! two clicks. A second code would be one that no client waits for.
//!
//! Every form has a number, and the server keeps the decisions of the latest forms only. So the memory is bounded.
//! Older forms decide nothing, and their page leads to a new one.

use std::collections::VecDeque;

use device_authority::Selector;

/// The number of forms whose decisions are kept, in less than 400 KB. As many approvals fill a store of codes, so a
/// flood of forms does no more harm than a flood of approvals.
const KEPT: usize = 10_000;

/// The decision by a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decided {
    /// The request was approved, with the code of this selector.
    Approved(Selector),
    Denied,
}

/// The decisions of the latest forms.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// The number of the oldest kept form.
    first: u64,
    decisions: VecDeque<Option<Decided>>,
}

impl Forms {
    /// Adds a form without a decision, and returns its number.
    pub(crate) fn add(&mut self) -> u64 {
        if self.decisions.len() == KEPT {
            self.decisions.pop_front();
            self.first += 1;
        }
        self.decisions.push_back(None);
        self.first + self.decisions.len() as u64 - 1
    }

    /// Returns the place for the decision of a form; `None` if it is too old, or was never shown.
    pub(crate) fn find(&mut self, number: u64) -> Option<&mut Option<Decided>> {
        let at = number.checked_sub(self.first)?;
        self.decisions.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_decision_of_its_own_and_only_the_latest_are_kept() {
        let mut forms = Forms::default();
        assert_eq!(forms.find(0), None, "no form was shown");
        for number in 0..KEPT as u64 {
            assert_eq!(forms.add(), number);
        }
        *forms.find(0).unwrap() = Some(Decided::Denied);
        assert_eq!(forms.find(0), Some(&mut Some(Decided::Denied)));
        assert_eq!(forms.find(1), Some(&mut None));
        assert_eq!(forms.add(), KEPT as u64);
        assert_eq!(forms.find(0), None);
        assert_eq!(forms.decisions.len(), KEPT);
        assert_eq!(forms.find(1), Some(&mut None));
        assert_eq!(forms.find(KEPT as u64), Some(&mut None));
        assert_eq!(forms.find(KEPT as u64 + 1), None);
        assert_eq!(forms.find(u64::MAX), None);
    }
}
