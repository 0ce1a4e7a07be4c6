//! Installation tokens: bought once for all who wait, kept until they are nearly out of date.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use super::{Error, Result};
use crate::model::{InstallationId, RepositoryId, Timestamp};

/// When a token is replaced: GitHub's live for 60 minutes, and work begun with one should end with it.
const REFRESH_AFTER: Duration = Duration::from_mins(50);

/// What a token is good for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Scope {
    pub(super) installation: InstallationId,
    /// Limits the token to one repository.
    pub(super) repository: Option<RepositoryId>,
    /// Limits the token to these permissions, such as `("contents", "read")`; empty for all of the App's.
    pub(super) permissions: Vec<(&'static str, &'static str)>,
}

/// A token as GitHub sold it.
#[derive(Clone)]
pub(super) struct Minted {
    pub(super) token: SecretString,
    pub(super) expires_at: Option<Timestamp>,
}

/// A token with its number, so that only this one is dropped when it is refused.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) secret: SecretString,
    number: u64,
}

/// The tokens in hand.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Scope, Arc<Slot>>>,
}

#[derive(Default)]
struct Slot {
    /// How many purchases have ended; lets those who waited share a failure instead of repeating it.
    ended: std::sync::atomic::AtomicU64,
    held: tokio::sync::Mutex<Held>,
}

#[derive(Default)]
struct Held {
    token: Option<(Token, Timestamp)>,
    failure: Option<Error>,
}

impl Tokens {
    /// Hands out a token, buying one with `mint` where none is held or it is due for replacement.
    ///
    /// Whoever comes while a purchase is under way waits for its end and shares its outcome.
    pub(super) async fn get<F>(&self, scope: &Scope, now: Timestamp, mint: F) -> Result<Token>
    where
        F: Future<Output = Result<Minted>> + Send,
    {
        use std::sync::atomic::Ordering::SeqCst;
        let slot = self.slot(scope);
        let seen = slot.ended.load(SeqCst);
        let mut held = slot.held.lock().await;
        if let Some((token, refresh_at)) = &held.token
            && now < *refresh_at
        {
            return Ok(token.clone());
        }
        if slot.ended.load(SeqCst) != seen
            && let Some(failure) = &held.failure
        {
            return Err(failure.clone());
        }
        held.token = None;
        let outcome = mint.await;
        let number = slot.ended.fetch_add(1, SeqCst);
        match outcome {
            Ok(minted) => {
                let token = Token {
                    secret: minted.token,
                    number,
                };
                held.token = Some((token.clone(), refresh_at(now, minted.expires_at)));
                held.failure = None;
                Ok(token)
            }
            Err(error) => {
                held.failure = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Drops a token that was refused, unless it was replaced meanwhile.
    pub(super) async fn drop_refused(&self, scope: &Scope, refused: &Token) {
        let slot = self.slot(scope);
        let mut held = slot.held.lock().await;
        if held
            .token
            .as_ref()
            .is_some_and(|(token, _)| token.number == refused.number)
        {
            held.token = None;
        }
    }

    /// Drops everything held for an installation.
    pub(super) fn forget(&self, installation: InstallationId) {
        self.slots().retain(|scope, _| scope.installation != installation);
    }

    fn slot(&self, scope: &Scope) -> Arc<Slot> {
        let mut slots = self.slots();
        if let Some(slot) = slots.get(scope) {
            return Arc::clone(slot);
        }
        Arc::clone(slots.entry(scope.clone()).or_default())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Scope, Arc<Slot>>> {
        // The map is whole after any panic: each change to it is one call.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token that lives shorter than usual is replaced halfway; an end that lies in the past by our clock says
/// more about the clock than about the token, and a refusal will tell.
fn refresh_at(now: Timestamp, expires_at: Option<Timestamp>) -> Timestamp {
    let usual = now.plus(REFRESH_AFTER);
    match expires_at.map(|end| end.since(now)) {
        Some(life) if !life.is_zero() && now.plus(life) < usual => now.plus(life / 2),
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    fn scope() -> Scope {
        Scope {
            installation: InstallationId(1),
            repository: None,
            permissions: Vec::new(),
        }
    }

    #[tokio::test]
    async fn those_who_wait_for_a_purchase_share_its_failure() {
        let (tokens, bought, scope) = (Tokens::default(), AtomicUsize::new(0), scope());
        let mint = || async {
            bought.fetch_add(1, Ordering::SeqCst);
            // The others come to wait before this one goes on.
            tokio::task::yield_now().await;
            Err(Error::Forbidden {
                message: "suspended".to_owned(),
            })
        };
        let outcomes = join_all((0..32).map(|_| tokens.get(&scope, Timestamp(0), mint()))).await;
        assert!(
            outcomes
                .iter()
                .all(|it| matches!(it, Err(Error::Forbidden { .. })))
        );
        assert_eq!(bought.load(Ordering::SeqCst), 1);
        let later = tokens.get(&scope, Timestamp(0), mint()).await;
        assert!(later.is_err());
        assert_eq!(bought.load(Ordering::SeqCst), 2, "who comes later tries anew");
    }

    #[tokio::test]
    async fn a_purchase_whose_buyer_went_away_is_taken_over() {
        let (tokens, scope) = (Tokens::default(), scope());
        {
            let never = tokens.get(&scope, Timestamp(0), std::future::pending());
            assert!(futures_util::FutureExt::now_or_never(never).is_none());
        }
        let mint = async {
            Ok(Minted {
                token: SecretString::from("t"),
                expires_at: None,
            })
        };
        assert!(tokens.get(&scope, Timestamp(0), mint).await.is_ok());
    }

    #[tokio::test]
    async fn a_late_refusal_does_not_drop_the_successor() {
        let (tokens, scope) = (Tokens::default(), scope());
        let mint = |name: &'static str| async move {
            Ok(Minted {
                token: SecretString::from(name),
                expires_at: None,
            })
        };
        let first = tokens
            .get(&scope, Timestamp(0), mint("first"))
            .await
            .expect("a token");
        tokens.drop_refused(&scope, &first).await;
        let second = tokens
            .get(&scope, Timestamp(0), mint("second"))
            .await
            .expect("a token");
        tokens.drop_refused(&scope, &first).await;
        let held = tokens
            .get(&scope, Timestamp(0), mint("third"))
            .await
            .expect("a token");
        assert_eq!(held.number, second.number);
    }

    #[test]
    fn tokens_are_replaced_early_whatever_their_life() {
        let minutes = |n: u64| Duration::from_mins(n);
        let now = Timestamp(1_000_000_000);
        assert_eq!(refresh_at(now, None), now.plus(minutes(50)));
        assert_eq!(
            refresh_at(now, Some(now.plus(minutes(60)))),
            now.plus(minutes(50))
        );
        assert_eq!(refresh_at(now, Some(now.plus(minutes(8)))), now.plus(minutes(4)));
        assert_eq!(
            refresh_at(now, Some(Timestamp(0))),
            now.plus(minutes(50)),
            "our clock is ahead"
        );
    }
}
