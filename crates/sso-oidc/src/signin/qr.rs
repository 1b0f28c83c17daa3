//! QR codes drawn with half blocks: two rows of modules per line.

use qrcode::{Color, EcLevel, QrCode};

/// The quiet zone around the code, in modules. The standard requires four, but scanners accept two, and with two the
/// code of an AWS URL fits a terminal of 24 lines.
const QUIET: usize = 2;

/// Returns the lines of a QR code for this text, or `None` if it does not fit. With `colored` the code is black on
/// white. Without it, light modules have the foreground colour: right on a dark background, and readable by most
/// scanners on a light one.
pub(crate) fn lines(text: &str, colored: bool, columns: usize, rows: usize) -> Option<Vec<String>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let modules = code.width();
    let width = modules + 2 * QUIET;
    let height = width.div_ceil(2);
    if width > columns || height > rows {
        return None;
    }
    let colors = code.to_colors();
    let is_light = |x: usize, y: usize| {
        let inside = (QUIET..QUIET + modules).contains(&x) && (QUIET..QUIET + modules).contains(&y);
        !inside || colors.get((y - QUIET) * modules + (x - QUIET)) == Some(&Color::Light)
    };
    let line = |row: usize| {
        let blocks: String = (0..width)
            .map(|x| match (is_light(x, 2 * row), is_light(x, 2 * row + 1)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        // Bright white on black: the blocks are the light modules.
        if colored { format!("\x1b[97;40m{blocks}\x1b[0m") } else { blocks }
    };
    Some((0..height).map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWS: &str = "https://device.sso.eu-west-1.amazonaws.com/?user_code=PMPJ-VZCJ";

    #[test]
    fn the_address_of_an_aws_prompt_fits_beside_its_text_on_24_lines() {
        let lines = lines(AWS, false, 80, 19).expect("it fits");
        assert!(lines.len() <= 19);
        assert!(lines.iter().all(|line| line.chars().count() == lines[0].chars().count()));
    }

    #[test]
    fn a_code_that_does_not_fit_is_left_out() {
        assert_eq!(lines(AWS, false, 36, 40), None);
        assert_eq!(lines(AWS, false, 80, 18), None);
        assert_eq!(lines(&"x".repeat(5000), false, 1000, 1000), None);
    }

    #[test]
    fn the_blocks_are_the_modules_of_the_code() {
        let drawn = lines("WDJB-MJHT", false, 80, 40).unwrap();
        let code = QrCode::with_error_correction_level("WDJB-MJHT", EcLevel::L).unwrap();
        let colors = code.to_colors();
        for y in 0..code.width() {
            for x in 0..code.width() {
                let block = drawn[(y + QUIET) / 2].chars().nth(x + QUIET).unwrap();
                let upper = (y + QUIET).is_multiple_of(2);
                let light = block == '█' || block == if upper { '▀' } else { '▄' };
                assert_eq!(light, colors[y * code.width() + x] == Color::Light, "{x},{y}");
            }
        }
    }
}
