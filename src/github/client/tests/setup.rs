//! Which addresses a client accepts.

use std::sync::Arc;

use super::settings;
use crate::github::{Client, SetupError};
use crate::model::Clock;

#[tokio::test]
async fn tokens_cross_networks_encrypted_only() {
    let clock: Arc<dyn Clock> = Arc::new(crate::model::SystemClock);
    let outcome = |url: &str| Client::new(settings(url), Arc::clone(&clock)).map(|_| ());
    for fine in [
        "https://api.github.com",
        "https://ghes.example/api/v3",
        "http://127.0.0.1:8080",
        "http://localhost:1/api/v3",
        "http://[::1]:8080/",
    ] {
        assert_eq!(outcome(fine), Ok(()), "{fine}");
    }
    assert_eq!(
        outcome("http://github.example/api/v3"),
        Err(SetupError::PlainHttp("github.example".into()))
    );
    assert_eq!(
        outcome("http://10.0.0.1"),
        Err(SetupError::PlainHttp("10.0.0.1".into()))
    );
    for wrong in [
        "ftp://github.example",
        "https://user:pass@github.example",
        "https://github.example/?x=1",
    ] {
        assert_eq!(outcome(wrong), Err(SetupError::Address), "{wrong}");
    }
}
