//! The printer of results, with `--output` and `--query`.

use super::{Document, Format, Query, Rehearsal, Surroundings};
use crate::exit::{Failure, print_data};

/// Prints results on standard output.
pub(crate) struct Printer {
    pub(crate) format: Format,
    pub(crate) query: Option<Query>,
    pub(crate) surroundings: Surroundings,
}

impl Printer {
    /// Applies the query to sample results with every combination of the optional members, before the first request.
    ///
    /// # Errors
    /// The query fails on one of the samples.
    pub(crate) fn rehearse(&self, made_up: &Rehearsal) -> Result<(), Failure> {
        let Some(query) = &self.query else { return Ok(()) };
        query.search(&made_up.full)?;
        made_up.lesser.iter().try_for_each(|form| query.search(form).map(drop)).map_err(|failure| {
            failure.with_hint(
                "some members of the result are optional; give them a default in the query, as in refreshToken || ''",
            )
        })
    }

    /// Prints the result, or the parts that `--query` selects. `title` is the heading of a table.
    ///
    /// # Errors
    /// The query fails on this result, or standard output cannot be written. After a failed query the whole result is
    /// printed, because it may hold a token that the service gives only once.
    pub(crate) fn print(&self, title: &str, result: &Document) -> Result<(), Failure> {
        let picked = self.query.as_ref().map(|query| query.search(result)).transpose();
        let shown = picked.as_ref().ok().and_then(Option::as_ref).unwrap_or(result);
        let printed = print_data(&self.format.render(shown, title, self.surroundings));
        match picked {
            Ok(_) => printed,
            Err(failure) => {
                printed?;
                Err(failure.with_detail(
                    "The whole result was printed instead, because the service gives it only once.",
                ))
            }
        }
    }
}
