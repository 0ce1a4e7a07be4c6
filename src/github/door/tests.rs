//! Every way in which a webhook call can be wrong, and the two in which it can be right.

use http::HeaderValue;

use super::*;

const BODY: &str = r#"{"action":"labeled","repository":{"id":7}}"#;

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

/// Signs as GitHub does, written apart from the door's own code.
fn signed(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

fn headers(signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-github-event", HeaderValue::from_static("issues"));
    headers.insert(
        "x-github-delivery",
        HeaderValue::from_static("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    );
    headers.insert(
        "x-github-hook-installation-target-type",
        HeaderValue::from_static("integration"),
    );
    headers.insert(
        "x-github-hook-installation-target-id",
        HeaderValue::from_static("12345"),
    );
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert(
        "x-hub-signature-256",
        HeaderValue::from_str(signature).expect("a header"),
    );
    headers
}

fn door() -> Door {
    Door::new([&secret("It's a Secret to Everybody")], Some(AppId(12345)))
}

fn good() -> HeaderMap {
    headers(&signed("It's a Secret to Everybody", BODY.as_bytes()))
}

#[track_caller]
fn refused(headers: &HeaderMap, body: &str, rejection: Rejection, status: u16) {
    let outcome = door().verify(headers, &Bytes::copy_from_slice(body.as_bytes()));
    assert_eq!(outcome.map(|it| it.id().clone()), Err(rejection));
    assert_eq!(rejection.status().as_u16(), status);
}

#[test]
fn githubs_published_example_is_accepted() {
    // <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>
    let headers = headers("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    let delivery = door()
        .verify(&headers, &Bytes::from_static(b"Hello, World!"))
        .expect("it is right");
    assert_eq!(delivery.event(), "issues");
    assert_eq!(delivery.target(), Some(AppId(12345)));
    assert_eq!(delivery.body(), "Hello, World!");
    // The signature was right; that the body is no JSON shows afterwards.
    assert_eq!(delivery.facts(), Err(Rejection::NotJson));
}

#[test]
fn both_secrets_are_accepted_while_one_is_rotated() {
    let (old, new) = (secret("old"), secret("new"));
    let door = Door::new([&new, &old], None);
    for key in ["old", "new"] {
        assert!(
            door.verify(&headers(&signed(key, BODY.as_bytes())), &Bytes::from(BODY))
                .is_ok(),
            "{key}"
        );
    }
    let outcome = door.verify(&headers(&signed("other", BODY.as_bytes())), &Bytes::from(BODY));
    assert_eq!(outcome.map(|_| ()), Err(Rejection::BadSignature));
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    for door in [Door::new([], None), Door::new([&secret("")], None)] {
        let headers = headers(&signed("", BODY.as_bytes()));
        let outcome = door.verify(&headers, &Bytes::from(BODY));
        assert_eq!(outcome.map(|_| ()), Err(Rejection::NoSecret));
    }
    assert_eq!(Rejection::NoSecret.status().as_u16(), 503);
}

#[test]
fn wrong_signatures_are_refused() {
    refused(&good(), &format!("{BODY} "), Rejection::BadSignature, 401);
    let right = signed("It's a Secret to Everybody", BODY.as_bytes());
    let bare = right.strip_prefix("sha256=").expect("it has one");
    for wrong in [
        signed("another secret", BODY.as_bytes()),
        bare.to_owned(),
        format!("sha1={bare}"),
        right.get(..70).expect("it is longer").to_owned(),
        format!("{right}00"),
        "sha256=".to_owned(),
        "sha256=zz".to_owned(),
        String::new(),
    ] {
        refused(&headers(&wrong), BODY, Rejection::BadSignature, 401);
    }
}

#[test]
fn a_sha1_signature_alone_is_refused_with_its_own_sentence() {
    let mut headers = good();
    headers.remove("x-hub-signature-256");
    refused(&headers, BODY, Rejection::Unsigned, 401);
    headers.insert(
        "x-hub-signature",
        HeaderValue::from_static("sha1=126f2c800419c60137ce748d7672e77b65cf16d6"),
    );
    refused(&headers, BODY, Rejection::Sha1Only, 401);
    assert!(Rejection::Sha1Only.body().contains("SHA-1"));
}

#[test]
fn missing_and_odd_headers_are_named() {
    for (name, shown) in [
        ("x-github-event", "X-GitHub-Event"),
        ("x-github-delivery", "X-GitHub-Delivery"),
    ] {
        let mut headers = good();
        headers.remove(name);
        refused(&headers, BODY, Rejection::MissingHeader(shown), 400);
        for odd in ["", "a b", "../x", "é"] {
            headers.insert(name, HeaderValue::from_bytes(odd.as_bytes()).expect("a header"));
            refused(&headers, BODY, Rejection::BadHeader(shown), 400);
        }
    }
}

#[test]
fn calls_for_another_app_are_refused_and_old_servers_that_do_not_say_are_not() {
    let mut headers = good();
    headers.insert(
        "x-github-hook-installation-target-id",
        HeaderValue::from_static("99"),
    );
    refused(&headers, BODY, Rejection::OtherTarget, 403);
    headers.insert(
        "x-github-hook-installation-target-type",
        HeaderValue::from_static("repository"),
    );
    refused(&headers, BODY, Rejection::OtherTarget, 403);
    headers.remove("x-github-hook-installation-target-type");
    headers.remove("x-github-hook-installation-target-id");
    assert!(door().verify(&headers, &Bytes::from(BODY)).is_ok());
}

#[test]
fn a_body_above_githubs_limit_is_refused_and_one_at_the_limit_is_not() {
    let key = "It's a Secret to Everybody";
    let mut body = vec![b' '; MAX_BODY_BYTES];
    body[..2].copy_from_slice(b"{}");
    let outcome = door().verify(&headers(&signed(key, &body)), &Bytes::from(body.clone()));
    assert!(outcome.expect("25 MB are allowed").facts().is_ok());
    body.push(b' ');
    let outcome = door().verify(&headers(&signed(key, &body)), &Bytes::from(body));
    assert_eq!(outcome.map(|_| ()), Err(Rejection::TooLarge));
    assert_eq!(Rejection::TooLarge.status().as_u16(), 413);
}

#[test]
fn a_form_is_refused_after_the_signature_was_checked() {
    let mut form = good();
    form.insert(
        "content-type",
        HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8"),
    );
    refused(&form, BODY, Rejection::Form, 415);
    refused(&form, "{}", Rejection::BadSignature, 401);
}

#[test]
fn refusals_are_json_with_one_sentence() {
    let body: serde_json::Value = serde_json::from_str(&Rejection::BadSignature.body()).expect("it is JSON");
    let sentence = body["error"].as_str().expect("a sentence");
    assert!(
        sentence.ends_with('.') && sentence.contains("secret"),
        "{sentence}"
    );
}

#[test]
fn a_door_shows_no_secret_when_it_is_printed() {
    assert_eq!(
        format!("{:?}", door()),
        "Door { secrets: 1, app: Some(AppId(12345)) }"
    );
}
