//! Keys as people paste them.

use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;

use super::*;

const PKCS1: &str = include_str!("../testdata/test-key.pkcs1.pem");
const PKCS8: &str = include_str!("../testdata/test-key.pkcs8.pem");
const PUBLIC: &str = include_str!("../testdata/test-key.public.pem");

fn key(text: &str) -> Result<AppKey, KeyError> {
    AppKey::from_pem(&SecretString::from(text))
}

#[derive(Debug, Deserialize)]
struct Seen {
    iat: i64,
    exp: i64,
    iss: String,
}

fn seen(jwt: &SecretString) -> Seen {
    let mut rules = Validation::new(Algorithm::RS256);
    // The test's clock is not the machine's.
    rules.validate_exp = false;
    let public = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).expect("the public half");
    jsonwebtoken::decode::<Seen>(jwt.expose_secret(), &public, &rules)
        .expect("signed with our key")
        .claims
}

#[test]
fn a_jwt_is_backdated_by_a_minute_and_lives_less_than_ten() {
    let now = Timestamp::parse("2026-11-02T10:00:00Z").expect("a time");
    let jwt = key(PKCS1)
        .expect("a key")
        .jwt(AppId(12345), now)
        .expect("it signs");
    let seen = seen(&jwt);
    let second = now.0 / 1000;
    assert_eq!(
        (seen.iat - second, seen.exp - second, seen.iss.as_str()),
        (-60, 540, "12345")
    );
}

#[test]
fn keys_are_read_in_every_form_in_which_people_have_them() {
    let folded = PKCS1.trim().replace('\n', "\\n");
    let spaced = format!("\n  {PKCS8}\n");
    for text in [PKCS1, PKCS8, &folded, &spaced] {
        let jwt = key(text)
            .expect("a key")
            .jwt(AppId(1), Timestamp(0))
            .expect("it signs");
        assert_eq!(seen(&jwt).iss, "1");
    }
}

#[test]
fn what_is_no_private_rsa_key_is_refused_without_being_shown() {
    assert_eq!(key("").err(), Some(KeyError::NotPem));
    assert_eq!(key("ssh-rsa AAAA").err(), Some(KeyError::NotPem));
    assert_eq!(key(PUBLIC).err(), Some(KeyError::NotRsa));
    let half = PKCS1.get(..PKCS1.len() / 2).expect("ASCII");
    assert_eq!(key(half).err(), Some(KeyError::NotRsa));
    let other = include_str!("../testdata/test-key.ec.pem");
    assert_eq!(key(other).err(), Some(KeyError::NotRsa));
    assert_eq!(format!("{:?}", key(PKCS1)), "Ok(AppKey(…))");
}
