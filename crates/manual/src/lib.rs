//! The Rust blocks of the manual, as documentation tests.
//!
//! The chapters are in `chapters`, and `book.toml` makes a book of them. `crates/sso-oidc/tests/manual` runs their
//! other blocks.

#[cfg(doctest)]
#[doc = include_str!("../chapters/embed.md")]
mod embed {}

#[cfg(doctest)]
#[doc = include_str!("../chapters/drive.md")]
mod drive {}

#[cfg(doctest)]
#[doc = include_str!("../chapters/test-your-tool.md")]
mod test_your_tool {}
