//! A future that interrupts others.

use std::future::{self, Future};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// A future that may be polled again after it is ready.
#[derive(Debug)]
pub(crate) struct Until<'a, F> {
    future: Pin<&'a mut F>,
    has_come: bool,
}

impl<'a, F: Future<Output = ()>> Until<'a, F> {
    pub(crate) const fn new(future: Pin<&'a mut F>) -> Self {
        Self { future, has_come: false }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        self.has_come = self.has_come || self.future.as_mut().poll(cx).is_ready();
        self.has_come
    }

    /// Returns whether it is ready.
    pub(crate) async fn has_come(&mut self) -> bool {
        future::poll_fn(|cx| Poll::Ready(self.poll(cx))).await
    }

    /// Returns the output of the other future, unless this one is ready first.
    pub(crate) async fn or<T>(&mut self, other: impl Future<Output = T>) -> Option<T> {
        let mut other = pin!(other);
        future::poll_fn(
            |cx| if self.poll(cx) { Poll::Ready(None) } else { other.as_mut().poll(cx).map(Some) },
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn what_has_come_is_not_asked_again_and_comes_first() {
        let mut polls = 0;
        let coming = pin!(future::poll_fn(|_| {
            polls += 1;
            match polls {
                1 => Poll::Pending,
                2 => Poll::Ready(()),
                _ => panic!("asked after it has come"),
            }
        }));
        let mut until = Until::new(coming);
        assert!(!until.has_come().await);
        assert_eq!(until.or(ready("other")).await, None);
        assert!(until.has_come().await);
        assert_eq!(until.or(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn what_never_comes_holds_nothing_up() {
        let never = pin!(pending());
        let mut until = Until::new(never);
        assert_eq!(until.or(ready("other")).await, Some("other"));
    }
}
