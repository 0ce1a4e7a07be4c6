//! Tests of providers, prices and the limits that depend on them.

use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{nothing, read, read_with, told};
use crate::config::{KeyHeader, RepositoryConfig, Secret, Unresolved, Upstream, resolve};
use crate::ledger::{Billing, Rate, Scope};
use crate::model::{Dialect, MicroUsd};
use crate::route::Candidate;

const KEYS: &[(&str, &str)] = &[
    ("MOONSHOT_API_KEY", "sk-moon"),
    ("ANTHROPIC_API_KEY", "sk-ant"),
    ("MINE", "sk-mine"),
];

fn candidate(text: &str) -> Candidate {
    text.parse().expect("a candidate")
}

/// What a candidate is connected with, where it is the only one of a route.
fn resolved(settings: &str, name: &str, wanted: &[Dialect]) -> Result<Upstream, Unresolved> {
    let text = format!("{settings}\nroutes: {{implement: [\"{name}\"]}}\n");
    let settings = read_with(&text, KEYS).expect("valid settings");
    resolve(&settings, &candidate(name), wanted)
}

fn key(upstream: &Upstream) -> Option<&str> {
    upstream.key.as_ref().map(ExposeSecret::expose_secret)
}

#[test]
fn a_shipped_provider_works_by_being_named_in_a_route() {
    let upstream = resolved("", "claude:moonshot/kimi-k2.6", &[Dialect::Anthropic]).unwrap();
    assert_eq!(upstream.base_url.as_str(), "https://api.moonshot.ai/anthropic");
    assert_eq!(
        (key(&upstream), upstream.key_header),
        (Some("sk-moon"), KeyHeader::Bearer)
    );
    assert_eq!(
        (upstream.billing, upstream.context),
        (Billing::Tokens, Some(262_144))
    );
    let price = upstream.price.unwrap();
    assert_eq!(price.rates.input, Some(Rate(950_000)));
    assert_eq!(price.as_of.as_deref(), Some("2026-11-22"));
}

#[test]
fn a_key_is_taken_from_its_usual_variable_only_where_its_provider_is_used() {
    let settings = read_with("providers: {anthropic: {}}", KEYS).unwrap();
    assert_eq!(settings.providers.keys().collect::<Vec<_>>(), ["anthropic"]);
    let settings = read_with("routes: {plan: [\"claude:moonshot/kimi-k3\"]}", KEYS).unwrap();
    assert_eq!(settings.providers.keys().collect::<Vec<_>>(), ["moonshot"]);
    let unset = read("routes: {plan: [\"claude:moonshot/kimi-k3\"]}").unwrap();
    let error = resolve(&unset, &candidate("claude:moonshot/kimi-k3"), &Dialect::ALL).unwrap_err();
    insta::assert_snapshot!(error, @"`moonshot` wants a key, and the environment variable MOONSHOT_API_KEY is not set");
}

#[test]
fn the_harness_chooses_among_the_dialects_of_a_provider() {
    let name = "builtin:moonshot/kimi-k2.6";
    let openai = resolved("", name, &[Dialect::Openai, Dialect::Anthropic]).unwrap();
    assert_eq!(openai.base_url.as_str(), "https://api.moonshot.ai/v1");
    let none = resolved("", name, &[Dialect::Gemini]).unwrap_err();
    insta::assert_snapshot!(none, @"`moonshot` speaks anthropic, openai, and the harness `builtin` speaks gemini");
    let nobody = resolved("", "claude", &Dialect::ALL).unwrap_err();
    insta::assert_snapshot!(nobody, @"`claude` names no provider; write `harness:provider/model`");
}

#[test]
fn a_written_address_takes_the_place_of_all_shipped_ones() {
    let name = "claude:moonshot/kimi-k2.6";
    let file =
        "providers: {moonshot: {dialect: anthropic, base_url: \"http://127.0.0.1:9/x\", key: env:MINE}}";
    let upstream = resolved(file, name, &[Dialect::Openai, Dialect::Anthropic]).unwrap();
    assert_eq!(
        (upstream.base_url.as_str(), key(&upstream)),
        ("http://127.0.0.1:9/x", Some("sk-mine"))
    );
    assert_eq!(
        upstream.key_header,
        KeyHeader::Bearer,
        "the rest is as it is shipped"
    );
    assert!(upstream.price.is_some());
    let file = "providers: {moonshot: {base_urls: {anthropic: \"http://a/\", openai: \"http://b/\"}, billing: window, \
                windows: {week: 7d}, key_headers: {anthropic: x-api-key}}}";
    let upstream = resolved(file, name, &[Dialect::Openai]).unwrap();
    assert_eq!(
        (upstream.base_url.as_str(), upstream.billing),
        ("http://b/", Billing::Window)
    );
    let upstream = resolved(file, name, &[Dialect::Anthropic]).unwrap();
    assert_eq!(upstream.key_header, KeyHeader::XApiKey);
}

#[test]
fn any_compatible_server_is_a_provider_by_its_address() {
    let file = "providers: {mine: {dialect: openai, base_url: \"http://10.0.0.1:8000/v1\", billing: own}}";
    let upstream = resolved(file, "builtin:mine/some-model", &[Dialect::Openai]).unwrap();
    assert_eq!(
        (key(&upstream), upstream.billing, upstream.price.is_none()),
        (None, Billing::Own, true)
    );
    insta::assert_snapshot!(told("providers: {mine: {key: a}}"), @"footplate.yml:1:25: providers.mine: it is not shipped, so that it wants an address (write `{dialect: openai, base_url: https://…}`)");
}

#[test]
fn a_provider_that_nobody_knows_is_told_with_the_nearest_name() {
    insta::assert_snapshot!(told("routes: {plan: [\"claude:moonshoot/kimi-k2.6\"]}"), @"footplate.yml:1:17: routes.plan: there is no provider `moonshoot`, neither here under `providers` nor shipped (did you mean `moonshot`?)");
    insta::assert_snapshot!(told("providers: {mine: {dialect: openai, base_url: \"http://x\"}}\nroutes: {plan: [\"claude:mone/x\"]}"), @"footplate.yml:2:17: routes.plan: there is no provider `mone`, neither here under `providers` nor shipped (did you mean `mine`?)");
}

#[test]
fn mistakes_in_providers_and_prices_are_told_with_their_place() {
    insta::assert_snapshot!(told("providers: {x: {base_urls: {antropic: \"http://x\"}}}"), @"footplate.yml:1:39: providers.x.base_urls.antropic: there is no such dialect (did you mean `anthropic`?)");
    insta::assert_snapshot!(told("providers: {openai: {billing: monthly}}"), @"footplate.yml:1:31: providers.openai.billing: it wants `tokens`, `window` or `own`");
    insta::assert_snapshot!(told("providers: {openai: {key_headers: {openai: basic}}}"), @"footplate.yml:1:44: providers.openai.key_headers.openai: it wants `x-api-key`, `bearer` or `x-goog-api-key`");
    insta::assert_snapshot!(told("prices: {kimi: {input: 1}}"), @"footplate.yml:1:24: prices.kimi: a price is named `provider/model`, as in a route");
    insta::assert_snapshot!(told("prices: {a/b: {input: $1}}"), @"footplate.yml:1:23: prices.a/b.input: it wants US dollars for a million tokens, such as `4` or `0.95`");
    insta::assert_snapshot!(told("prices: {a/b: {inputs: 1}}"), @"footplate.yml:1:16: unknown key `inputs` (did you mean `input`?)");
    insta::assert_snapshot!(told("prices: {a/b: {tiers: [{above: 5, input: 1}, {above: 5, input: 2}]}}"), @"footplate.yml:1:32: prices.a/b.tiers: there are two tiers above 5");
}

#[test]
fn a_written_price_takes_the_place_of_the_shipped_one() {
    let file = "prices: {moonshot/kimi-k2.6: {input: 1.5, output: 3}, mine/x: {input: 0, output: 0}}\n\
                routes: {plan: [\"claude:moonshot/kimi-k2.6\", \"claude:anthropic/claude-opus-5-5\"]}";
    let settings = read(file).unwrap();
    let kimi = settings.price(&candidate("claude:moonshot/kimi-k2.6")).unwrap();
    assert_eq!(
        (kimi.rates.input, kimi.rates.cache_read),
        (Some(Rate(1_500_000)), None)
    );
    assert_eq!(kimi.source.as_deref(), Some("footplate.yml"));
    assert_eq!(
        settings.model("moonshot", "kimi-k2.6").unwrap().context,
        Some(262_144)
    );
    let opus = settings
        .price(&candidate("claude:anthropic/claude-opus-5-5@high"))
        .unwrap();
    assert_eq!(opus.rates.input, Some(Rate(4_000_000)));
    assert!(
        settings.price(&candidate("qwen:qwen/qwen3.6-plus")).is_none(),
        "unknown, not free"
    );
    assert!(settings.price(&candidate("claude")).is_none());
}

#[test]
fn limits_become_a_budget() {
    let file = "limits: {run_usd: 5, issue_usd: 20, month_usd: 400, window_share: {anthropic/5h: 80%}, window_reserve: 30%}";
    let budget = read(file).unwrap().limits.budget();
    let money = [(Scope::Run, 5), (Scope::Issue, 20), (Scope::Month, 400)];
    let money = money.map(|(scope, dollars)| (scope, MicroUsd(dollars * 1_000_000)));
    assert_eq!(budget.money, BTreeMap::from(money));
    assert_eq!(
        (budget.window("anthropic/5h"), budget.window("anthropic/7d")),
        (800_000, 700_000)
    );
    insta::assert_snapshot!(told("limits: {window_share: {anthropic/5: 80%}}"), @"footplate.yml:1:38: limits.window_share.anthropic/5: `anthropic` has no window `5` (did you mean `5h`?)");
    insta::assert_snapshot!(told("limits: {window_share: {antropic/5h: 80%}}"), @"footplate.yml:1:38: limits.window_share.antropic/5h: it wants `provider/window`, and there is no provider `antropic` (did you mean `anthropic`?)");
    insta::assert_snapshot!(told("limits: {window_reserve: 30}"), @"footplate.yml:1:26: limits.window_reserve: it wants a share from `0%` to `100%`");
}

#[test]
fn a_repository_may_keep_more_for_people_and_spend_less_and_never_the_reverse() {
    let server =
        read("limits: {issue_usd: 20, window_share: {anthropic/5h: 80%}, window_reserve: 30%}").unwrap();
    let tightened = |text: &str| {
        RepositoryConfig::parse("footplate.yml", text)
            .unwrap()
            .tighten(&server)
    };
    let tight = tightened("limits: {issue_usd: 2, month_usd: 9, window_share: {anthropic/7d: 50%}}").unwrap();
    let budget = tight.limits.budget();
    assert_eq!(budget.money[&Scope::Issue], MicroUsd(2_000_000));
    assert_eq!(budget.money[&Scope::Month], MicroUsd(9_000_000));
    assert_eq!(
        (budget.window("anthropic/5h"), budget.window("anthropic/7d")),
        (800_000, 500_000)
    );
    let kept = tightened("limits: {window_reserve: 60%}")
        .unwrap()
        .limits
        .budget();
    assert_eq!(
        (kept.window("anthropic/5h"), kept.window("openai/primary")),
        (400_000, 400_000)
    );
    let refused = tightened(
        "limits: {issue_usd: 21, window_share: {anthropic/5h: 90%, anthropic/7d: 71%}, window_reserve: 20%}",
    );
    insta::assert_snapshot!(refused.unwrap_err().join("\n"), @r"
    `limits.issue_usd: $21.0000` is more than this server's $20.0000
    `limits.window_share.anthropic/5h: 90%` is more than this server's 80%
    `limits.window_share.anthropic/7d: 71%` is more than this server's 70%
    `limits.window_reserve: 20%` is less than this server's 30%
    ");
}

#[test]
fn no_key_is_shown_by_debug() {
    let file = "providers: {openai: {key: sk-hush}}\nroutes: {plan: [\"codex:openai/gpt-5.5\"]}";
    let settings = crate::config::Settings::parse("f", file, std::path::Path::new(""), nothing).unwrap();
    let upstream = resolve(&settings, &candidate("codex:openai/gpt-5.5"), &Dialect::ALL).unwrap();
    assert!(matches!(settings.providers["openai"].key, Some(Secret::Text(_))));
    assert!(!format!("{settings:?} {upstream:?}").contains("sk-hush"));
}
