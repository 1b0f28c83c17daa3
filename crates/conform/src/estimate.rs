//! Estimates of the entropy of codes, from a few of them.

/// The usual alphabets, the smallest first. The first one that has every character is taken.
const ALPHABETS: [&str; 8] = [
    "0123456789",
    "0123456789ABCDEF",
    "BCDFGHJKLMNPQRSTVWXZ",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    // Crockford's, and that of RFC 4648.
    "0123456789ABCDEFGHJKMNPQRSTVWXYZ",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
];

/// Returns the bits of a code: its length without what all samples share, times the bits of its alphabet. It is
/// an upper limit, because the characters may be chosen badly.
///
/// `is_typed` leaves out everything but letters and digits, which is decoration in a user code (RFC 8628 §6.1).
pub(crate) fn bits(samples: &[&str], is_typed: bool) -> f64 {
    let texts: Vec<Vec<char>> = samples
        .iter()
        .map(|text| text.chars().filter(|c| !is_typed || c.is_ascii_alphanumeric()).collect())
        .collect();
    let shortest = texts.iter().map(Vec::len).min().unwrap_or_default();
    let same_at = |at: &dyn Fn(&Vec<char>) -> Option<char>| {
        let mut characters = texts.iter().map(at);
        let first = characters.next().flatten();
        characters.all(|c| c == first)
    };
    let shared_start = (0..shortest).take_while(|index| same_at(&|text| text.get(*index).copied())).count();
    let shared_end = (1..=shortest - shared_start)
        .take_while(|back| same_at(&|text| text.get(text.len() - back).copied()))
        .count();
    // Some characters are the same by chance. A prefix or a suffix is longer.
    let is_fixed = |count: usize| if count > 1 { count } else { 0 };
    let length = shortest - is_fixed(shared_start) - is_fixed(shared_end);

    let upper = texts.iter().flatten().all(|c| !c.is_ascii_lowercase());
    let lower = texts.iter().flatten().all(|c| !c.is_ascii_uppercase());
    let fold = |c: char| if upper || lower { c.to_ascii_uppercase() } else { c };
    let size = ALPHABETS
        .iter()
        .find(|alphabet| texts.iter().flatten().all(|c| alphabet.contains(fold(*c))))
        .map_or(64, |alphabet| alphabet.len());
    // Both are far below what a float counts exactly.
    #[expect(clippy::cast_precision_loss, reason = "lengths of codes are small")]
    let bits = length as f64 * (size as f64).log2();
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_about(samples: &[&str], is_typed: bool, expected: f64) {
        let bits = bits(samples, is_typed);
        assert!((bits - expected).abs() < 0.1, "{bits}");
    }

    #[test]
    fn the_example_of_the_rfc_has_its_34_and_a_half_bits() {
        is_about(&["WDJB-MJHT", "BCDF-GHJK"], true, 34.6);
    }

    #[test]
    fn nine_digits_have_almost_30_bits() {
        is_about(&["019-450-730", "823-184-962"], true, 29.9);
    }

    #[test]
    fn a_code_in_hexadecimal_digits_has_four_bits_each_in_either_case() {
        is_about(&["0f9a", "1c07"], false, 16.0);
        is_about(&["0F9A", "1C07"], false, 16.0);
    }

    #[test]
    fn what_all_codes_share_has_no_bits() {
        is_about(&["device_0f9a", "device_1c07"], false, 4.0 * 6.0);
        is_about(&["0f9a.v1", "1c07.v1"], false, 4.0 * 6.0);
    }

    #[test]
    fn equal_codes_and_empty_ones_have_none() {
        is_about(&["WDJB", "WDJB"], true, 0.0);
        is_about(&["", ""], true, 0.0);
        is_about(&[], true, 0.0);
    }
}
