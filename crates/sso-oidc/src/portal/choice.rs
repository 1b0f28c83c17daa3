//! The choice of one item by a part of its name.

/// An item that a user can name.
pub(super) trait Named {
    /// Returns the names that choose the item.
    fn names(&self) -> Vec<&str>;

    /// Returns a further text for a filter. Letters that occur in it by chance must not choose the item.
    fn note(&self) -> Option<&str> {
        None
    }
}

/// Returns whether a filter selects the item: each of its words is a part of a name or the note, in any letter case.
pub(super) fn matches(item: &impl Named, filter: &str) -> bool {
    let names: Vec<String> = item.names().into_iter().chain(item.note()).map(str::to_lowercase).collect();
    filter.to_lowercase().split_whitespace().all(|word| names.iter().any(|name| name.contains(word)))
}

/// Returns the items that `wanted` may mean. The first rule that fits any item counts: the exact name, the name in
/// another letter case, its beginning, a part of it, its letters in this order.
pub(super) fn meant<'a, T: Named>(items: &'a [T], wanted: &str) -> Vec<&'a T> {
    let lower = wanted.to_lowercase();
    let rules: [&dyn Fn(&str) -> bool; 5] = [
        &|name| name == wanted,
        &|name| name.to_lowercase() == lower,
        &|name| name.to_lowercase().starts_with(&lower),
        &|name| name.to_lowercase().contains(&lower),
        &|name| has_letters(&name.to_lowercase(), &lower),
    ];
    let mut fitting = rules.iter().map(|rule| {
        items.iter().filter(|item| item.names().iter().any(|name| rule(name))).collect::<Vec<_>>()
    });
    fitting.find(|found| !found.is_empty()).unwrap_or_default()
}

/// Returns whether the letters occur in the name, in this order.
fn has_letters(name: &str, letters: &str) -> bool {
    let mut left = name.chars();
    letters.chars().all(|letter| left.any(|c| c == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item(&'static str, &'static str);

    impl Named for Item {
        fn names(&self) -> Vec<&str> {
            vec![self.0, self.1]
        }
    }

    const ITEMS: [Item; 4] = [
        Item("012345678901", "Sandbox"),
        Item("210987654321", "Production"),
        Item("333333333333", "prod"),
        Item("444444444444", "Sandbox EU"),
    ];

    fn found(wanted: &str) -> Vec<&'static str> {
        meant(&ITEMS, wanted).into_iter().map(|item| item.1).collect()
    }

    #[test]
    fn the_most_exact_rule_that_fits_decides() {
        assert_eq!(found("012345678901"), ["Sandbox"]);
        assert_eq!(found("Sandbox"), ["Sandbox"]);
        assert_eq!(found("PROD"), ["prod"]);
        assert_eq!(found("produ"), ["Production"]);
        assert_eq!(found("box"), ["Sandbox", "Sandbox EU"]);
        assert_eq!(found("sbeu"), ["Sandbox EU"]);
        assert_eq!(found("xyz"), [""; 0]);
    }

    #[test]
    fn a_filter_needs_each_of_its_words() {
        let all = |filter| ITEMS.iter().filter(|item| matches(*item, filter)).count();
        assert_eq!(
            [all(""), all("sand"), all("eu sand"), all("4444 box"), all("sand prod")],
            [4, 2, 1, 1, 0]
        );
    }
}
