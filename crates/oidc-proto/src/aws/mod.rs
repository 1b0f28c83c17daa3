//! AWS's dialect. Facts from the API model of `sso-oidc`, version 2019-06-10, and from captured exchanges.

mod answer;
mod fault;
mod headers;
#[expect(
    unnameable_types,
    reason = "they stand in the methods of `AwsCall`, which is closed to other crates"
)]
mod members;
mod request;

pub(crate) use answer::{decode_answer, encode_success};
pub(crate) use fault::encode_fault;
pub(crate) use request::{decode_request, encode_request, operation};

use members::AnswerMembers;

use crate::{Fault, Violation};

/// How one operation's messages look in this dialect. Crate-private in effect: nobody outside can name it, so
/// nobody outside can implement [`crate::Call`].
#[expect(unnameable_types, reason = "it closes `Call` to other crates")]
pub trait AwsCall: Sized {
    /// What a success becomes.
    type Success;
    /// The JSON body of the request.
    fn to_body(&self) -> Vec<u8>;
    /// The request with this JSON body, or the fault that says what is wrong with it.
    fn from_body(body: &[u8]) -> Result<Self, Fault>;
    /// The JSON body of a success.
    fn success_to_body(success: &Self::Success) -> Vec<u8>;
    /// The success with these members, or which of them breaks the promise.
    fn success_from(members: AnswerMembers<'_>) -> Result<Self::Success, Violation>;
}
