//! HTML documents with escaped text.

use core::fmt::{self, Write};

use oidc_proto::printable;

/// A foreign text for HTML, between tags and in quoted attributes. Its display removes control characters and
/// marks that reorder text, and escapes the five special characters of HTML.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in printable(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Returns a whole document around this content. `head` is further markup for its head. Both are our own and
/// stay unescaped.
pub(super) fn document(title: &str, head: &str, content: &str) -> String {
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n\
         {head}\
         <title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n\
         </head>\n\
         <body>\n\
         <main>\n\
         {content}\
         </main>\n\
         <footer>Local stand-in for AWS IAM Identity Center. It is not AWS.</footer>\n\
         </body>\n\
         </html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_can_leave_its_place() {
        let text = "<script>'\"&\u{1b}[2J\u{202e}";
        assert_eq!(Text(text).to_string(), "&lt;script&gt;&#39;&quot;&amp;[2J");
    }
}
