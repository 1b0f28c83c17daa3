//! The pages of `list-accounts` and `list-account-roles`, with the flags of the AWS CLI.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use device_flow::CallError;
use oidc_proto::portal::{Page, Pages};
use serde::Deserialize;

/// The part of a list that is printed. Two flags request one page, and the other three take all pages as one list.
#[derive(Args, Debug, Default)]
pub(crate) struct PageArgs {
    /// Request one page, of at most so many items
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = clap::value_parser!(u8).range(1..=100),
        conflicts_with_all = ["page_size", "max_items", "starting_token"]
    )]
    max_results: Option<u8>,

    /// Request one page: the one with this token, the nextToken of the page before
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["page_size", "max_items", "starting_token"])]
    next_token: Option<String>,

    /// Request all pages, each of at most so many items
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u8).range(1..=100))]
    page_size: Option<u8>,

    /// Print at most so many items, and the NextToken of the others
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    max_items: Option<u32>,

    /// Begin where an earlier --max-items has ended: its NextToken
    #[arg(long, value_name = "TOKEN")]
    starting_token: Option<String>,
}

/// Items that the flags select, and where the list goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing<T> {
    pub(super) items: Vec<T>,
    /// The number of items of each page, in order.
    pub(super) lengths: Vec<usize>,
    pub(super) next_token: Option<String>,
    /// Whether it is a page as the portal gave it.
    pub(super) is_page: bool,
}

/// A place in a list: so many items behind the beginning of a page.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
struct Place {
    #[serde(rename = "nextToken")]
    next_token: Option<String>,
    #[serde(rename = "boto_truncate_amount", default)]
    items: usize,
}

impl PageArgs {
    /// Returns whether one page is requested.
    pub(super) const fn is_page(&self) -> bool {
        self.max_results.is_some() || self.next_token.is_some()
    }

    /// Returns the selected part of a list. `request` takes the size of a page and its token.
    ///
    /// # Errors
    /// The error of a request.
    pub(super) fn list<T>(
        &self,
        mut request: impl FnMut(Option<u32>, Option<String>) -> Result<Page<T>, CallError>,
    ) -> Result<Listing<T>, CallError> {
        if self.is_page() {
            let Page { items, next_token, .. } =
                request(self.max_results.map(Into::into), self.next_token.clone())?;
            return Ok(Listing { lengths: vec![items.len()], items, next_token, is_page: true });
        }
        let size = self.page_size.map(Into::into);
        let most = self.max_items.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let mut place = self.starting_token.as_deref().map(Place::of).unwrap_or_default();
        let (mut pages, mut lengths, mut room) = (Pages::default(), Vec::new(), most);
        loop {
            let page = request(size, place.next_token.clone())?;
            let mut items: Vec<T> = page.items.into_iter().skip(place.items).collect();
            if items.len() > room {
                items.truncate(room);
                place.items = place.items.saturating_add(room);
                lengths.push(items.len());
                pages.add(Page::new(items, None));
                break;
            }
            room -= items.len();
            lengths.push(items.len());
            place = Place { next_token: pages.add(Page::new(items, page.next_token)), items: 0 };
            if place.next_token.is_none() || room == 0 {
                break;
            }
        }
        Ok(Listing { items: pages.into_items(), lengths, next_token: place.into_token(), is_page: false })
    }
}

impl<T> Listing<T> {
    /// Returns the items of each page.
    pub(super) fn pages(&self) -> impl Iterator<Item = &[T]> {
        let mut left = self.items.as_slice();
        self.lengths.iter().map(move |length| {
            let (page, others) = left.split_at_checked(*length).unwrap_or((left, &[]));
            left = others;
            page
        })
    }
}

impl Place {
    /// Reads a token of the AWS CLI. Any other text is the portal's token of a page.
    fn of(token: &str) -> Self {
        let decoded = STANDARD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok());
        decoded.unwrap_or_else(|| Self { next_token: Some(token.to_owned()), items: 0 })
    }

    /// Returns the token that the AWS CLI prints for this place; none for the end of the list.
    fn into_token(self) -> Option<String> {
        if self == Self::default() {
            return None;
        }
        // As Python's `json.dumps` writes it, with a blank after each comma and colon.
        let next_token = serde_json::to_string(&self.next_token).ok()?;
        let items = match self.items {
            0 => String::new(),
            items => format!(", \"boto_truncate_amount\": {items}"),
        };
        Some(STANDARD.encode(format!("{{\"nextToken\": {next_token}{items}}}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the part of the numbers from 1 to 5 that these flags select, at a portal with pages of two.
    fn listed(args: &PageArgs) -> (Vec<usize>, Option<String>, usize) {
        let mut requests = 0;
        let listing = args.list(|size, token| {
            requests += 1;
            let size = usize::try_from(size.unwrap_or(2)).unwrap();
            let from = token.map_or(0, |token| token.parse().unwrap());
            let next = (from + size < 5).then(|| (from + size).to_string());
            Ok(Page::new((from + 1..=5).take(size).collect(), next))
        });
        let listing = listing.unwrap();
        let lengths: Vec<usize> = listing.pages().map(<[usize]>::len).collect();
        assert_eq!(lengths, listing.lengths);
        assert_eq!(lengths.iter().sum::<usize>(), listing.items.len());
        let Listing { items, next_token, .. } = listing;
        (items, next_token, requests)
    }

    fn args(page_size: Option<u8>, max_items: Option<u32>, starting_token: Option<String>) -> PageArgs {
        PageArgs { page_size, max_items, starting_token, ..PageArgs::default() }
    }

    #[test]
    fn a_page_size_changes_the_requests_and_not_the_list() {
        assert_eq!(listed(&args(None, None, None)), (vec![1, 2, 3, 4, 5], None, 3));
        assert_eq!(listed(&args(Some(1), None, None)), (vec![1, 2, 3, 4, 5], None, 5));
    }

    #[test]
    fn every_number_of_items_leads_to_the_end_without_a_gap_or_a_repeat() {
        for (size, most) in (1..=6).flat_map(|size| (1..=6).map(move |most| (size, most))) {
            let (mut found, mut token) = (Vec::new(), None);
            for _ in 0..6 {
                let (items, next, _) = listed(&args(Some(size), Some(most), token));
                assert!(items.len() <= usize::try_from(most).unwrap());
                found.extend(items);
                token = next;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!((found, token), (vec![1, 2, 3, 4, 5], None), "{size} {most}");
        }
    }

    #[test]
    fn a_page_is_one_request_and_keeps_the_portals_token() {
        let page = |max_results, next_token: Option<&str>| {
            listed(&PageArgs {
                max_results,
                next_token: next_token.map(str::to_owned),
                ..PageArgs::default()
            })
        };
        assert_eq!(page(Some(1), None), (vec![1], Some("1".to_owned()), 1));
        assert_eq!(page(None, Some("2")), (vec![3, 4], Some("4".to_owned()), 1));
    }

    #[test]
    fn a_place_is_written_as_by_botocore_and_the_portals_own_token_is_one() {
        // base64.b64encode(json.dumps({"nextToken": None, "boto_truncate_amount": 1}).encode())
        let token = "eyJuZXh0VG9rZW4iOiBudWxsLCAiYm90b190cnVuY2F0ZV9hbW91bnQiOiAxfQ==";
        let place = Place { next_token: None, items: 1 };
        assert_eq!(
            (Place::of(token), place.into_token().as_deref()),
            (Place { next_token: None, items: 1 }, Some(token))
        );
        for token in ["2", "{}", "bm8gSlNPTg==", "eyJvdGhlciI6MX0="] {
            assert_eq!(Place::of(token), Place { next_token: Some(token.to_owned()), items: 0 });
        }
    }
}
