//! Two futures, of which the first that is done counts. (`tokio::select!` would bring a crate of macros with it.)

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Which one it was.
pub enum First<L, R> {
    Left(L),
    Right(R),
}

/// The left one where both are done; the other is dropped.
pub async fn race<L: Future, R: Future>(left: L, right: R) -> First<L::Output, R::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|context| match left.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(First::Left(done)),
        Poll::Pending => right.as_mut().poll(context).map(First::Right),
    })
    .await
}
