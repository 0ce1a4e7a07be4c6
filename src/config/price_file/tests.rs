//! Tests of price files and of the difference that they make.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::{PriceDiff, Settings};

const LITELLM_SLICE: &str = include_str!("litellm.json");
const MODELS_DEV_SAMPLE: &str = include_str!("models_dev.json");

fn settings(text: &str) -> Settings {
    Settings::parse("footplate.yml", text, Path::new(""), |_: &str| None).expect("valid settings")
}

fn names<T>(models: &BTreeMap<String, T>) -> Vec<&str> {
    models.keys().map(String::as_str).collect()
}

#[test]
fn litellms_file_is_read_with_tiers_and_in_our_names() {
    let file = PriceFile::parse(LITELLM_SLICE).unwrap();
    assert_eq!(file.format, Format::LiteLlm);
    assert_eq!(
        names(&file.models),
        [
            "anthropic/claude-haiku-5-5",
            "anthropic/claude-opus-5-5",
            "google/gemini-3.5-flash",
            "moonshot/kimi-k2.6",
            "moonshot/kimi-k4",
            "openai/gpt-5.5",
            "qwen/qwen3.6-plus",
            "qwen/qwen3.7-plus",
            "zai/glm-5.1"
        ]
    );
    let shipped = &Catalog::shipped().models;
    for same in [
        "anthropic/claude-haiku-5-5",
        "qwen/qwen3.7-plus",
        "openai/gpt-5.5",
    ] {
        assert!(file.models[same].price.same_as(&shipped[same].price), "{same}");
        assert_eq!(file.models[same].context, shipped[same].context, "{same}");
    }
    let kimi = &file.models["moonshot/kimi-k2.6"].price;
    assert_eq!(
        kimi.rates.input,
        Some(Rate(1_050_000)),
        "what a float has blurred is sharp again"
    );
    assert_eq!(kimi.rates.cache_write, None, "unknown, not free");
}

#[test]
fn models_devs_file_is_read_and_a_subscription_is_not_free() {
    let file = PriceFile::parse(MODELS_DEV_SAMPLE).unwrap();
    assert_eq!(file.format, Format::ModelsDev);
    let gemini = &file.models["google/gemini-3.1-pro-preview"];
    assert!(
        gemini
            .price
            .same_as(&Catalog::shipped().models["google/gemini-3.1-pro-preview"].price)
    );
    assert_eq!(gemini.context, Some(1_048_576));
    assert!(file.models["kimi-code/kimi-for-coding"].price.is_empty());
    assert!(file.models["moonshot/kimi-k9"].price.is_empty());
    assert!(!file.models.contains_key("nobody/x"));
}

#[test]
fn the_difference_names_what_is_shipped_or_used() {
    let settings = settings("routes: {plan: [\"claude:moonshot/kimi-k4\", \"claude:moonshot/kimi-k5\"]}");
    let diff = PriceDiff::new(&settings, &PriceFile::parse(LITELLM_SLICE).unwrap());
    assert_eq!(names(&diff.added), ["moonshot/kimi-k4", "qwen/qwen3.6-plus"]);
    assert_eq!(names(&diff.changed), ["moonshot/kimi-k2.6"]);
    assert!(diff.removed.contains("minimax/MiniMax-M3"));
    assert!(diff.unknown.contains("moonshot/kimi-k5"));
    assert_eq!((diff.same, names(&diff.others)), (6, vec![]));
    let unused = PriceDiff::new(&self::settings(""), &PriceFile::parse(LITELLM_SLICE).unwrap());
    assert_eq!(names(&unused.others), ["moonshot/kimi-k4"]);
}

#[test]
fn what_is_taken_over_is_a_part_of_the_settings_and_leaves_no_difference() {
    for text in [LITELLM_SLICE, MODELS_DEV_SAMPLE] {
        let file = PriceFile::parse(text).unwrap();
        let before = settings("");
        let diff = PriceDiff::new(&before, &file);
        assert!(!diff.changed.is_empty());
        let after = settings(&diff.overrides("2026-12-01", true));
        let diff = PriceDiff::new(&after, &file);
        assert_eq!((diff.added.len(), diff.changed.len()), (0, 0));
        assert_eq!(
            after.prices.values().next().unwrap().price.as_of.as_deref(),
            Some("2026-12-01")
        );
    }
    let nothing = PriceDiff::default().overrides("2026-12-01", false);
    assert_eq!(settings(&nothing).prices.len(), 0);
}

#[test]
fn a_hostile_file_is_refused_or_loses_what_is_strange() {
    let table = [
        ("", NoPriceFile::NotJson),
        ("[]", NoPriceFile::NotJson),
        ("{}", NoPriceFile::Unknown),
        ("{\"a\": {\"b\": 1}}", NoPriceFile::Unknown),
    ];
    for (text, error) in table {
        assert_eq!(PriceFile::parse(text), Err(error), "{text}");
    }
    assert_eq!(
        PriceFile::parse(&" ".repeat(LARGEST + 1)),
        Err(NoPriceFile::TooLarge)
    );
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(PriceFile::parse(&deep).is_err());
    let strange = r#"{
        "gpt-a": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": -1, "output_cost_per_token": 1e-6},
        "gpt-b": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e300, "output_cost_per_token": 1e-6},
        "gpt-c\u001b[2J": {"litellm_provider": "openai", "mode": "chat"},
        "gpt-d\": {}\nlisten: 0.0.0.0:1\n": {"litellm_provider": "openai", "mode": "chat"},
        "gpt-e": {"litellm_provider": ["openai"], "mode": "chat"},
        "gpt-f": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": "free", "tiered_pricing": {"a": 1},
                  "source": "javascript:alert(1)"},
        "gpt-g": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
                  "source": "https://x/\"}\nlisten: 1"}
    }"#;
    let file = PriceFile::parse(strange).unwrap();
    assert_eq!(
        names(&file.models),
        ["openai/gpt-a", "openai/gpt-b", "openai/gpt-f", "openai/gpt-g"]
    );
    let priced = |name: &str| !file.models[name].price.is_empty();
    assert!(!priced("openai/gpt-a") && !priced("openai/gpt-b") && !priced("openai/gpt-f"));
    let diff = PriceDiff::new(&settings(""), &file);
    let taken = settings(&diff.overrides("2026-12-01", true));
    assert_eq!(names(&taken.prices), ["openai/gpt-g"]);
    assert_eq!(taken.listen.port(), 3000);
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}", figure in "[0-9.eE+-]{1,12}", name in "\\PC{1,20}") {
        let _ = PriceFile::parse(&text);
        let name = serde_json::to_string(&name).expect("a string");
        let text = format!(r#"{{{name}: {{"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": {figure},
            "output_cost_per_token": 1e-6, "input_cost_per_token_above_{figure}k_tokens": 1}}}}"#);
        if let Ok(file) = PriceFile::parse(&text) {
            let empty = settings("");
            let _ = settings(&PriceDiff::new(&empty, &file).overrides("2026-12-01", true));
        }
    }
}
