//! What goes wrong on purpose: scripted by route or decided by a seed, at the wire.

use serde_json::Value;

/// One way in which a request goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Not done; answered with this status and GitHub's JSON.
    Status(u16),
    /// Not done; answered with this status and a page of HTML.
    HtmlPage(u16),
    /// Not done and never answered, until the stand-in stops.
    Hang,
    /// Not done; the connection is cut.
    Reset,
    /// Done; the answer's body is cut in half.
    TruncatedJson,
    /// Done, but answered with this status: a careless retry does it twice.
    DoneBut(u16),
    /// Done, but the connection is cut before the answer.
    DoneButReset,
    /// Not done; 403 for asking too fast, with `retry-after` in seconds or without.
    SecondaryLimit(Option<u32>),
    /// Not done; 403 with `x-ratelimit-remaining: 0`.
    PrimaryLimit,
    /// The token dies at this moment: 401 now and ever after.
    ExpireToken,
}

/// When a fault strikes.
#[derive(Debug, Clone)]
pub struct FaultRule {
    /// The method; `None` means any.
    pub method: Option<String>,
    /// The route's template, such as `/repos/{owner}/{repo}/pulls`, or a literal path's beginning; for git,
    /// `git:upload-pack` or `git:receive-pack`; for GraphQL `/graphql`.
    pub route: String,
    /// How many matching requests pass unharmed first.
    pub after: u32,
    /// How many matching requests are struck then.
    pub times: u32,
    /// What happens to them.
    pub fault: Fault,
}

impl FaultRule {
    /// Strikes the next request of this method and route, once.
    pub fn once(method: &str, route: &str, fault: Fault) -> Self {
        Self {
            method: Some(method.to_owned()),
            route: route.to_owned(),
            after: 0,
            times: 1,
            fault,
        }
    }

    fn matches(&self, method: &str, route: Option<&str>, path: &str) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|m| m.eq_ignore_ascii_case(method));
        // A template names itself only; a literal beginning of a path names all below it.
        let route_fits = route == Some(self.route.as_str())
            || (!self.route.contains('{') && !self.route.is_empty() && path.starts_with(&self.route));
        method_fits && route_fits
    }
}

/// Rules in force, and chance.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<FaultRule>,
    chaos: Option<Chaos>,
    /// What struck so far, as `METHOD path: fault`.
    pub struck: Vec<String>,
}

#[derive(Debug)]
struct Chaos {
    state: u64,
    per_mille: u64,
    kinds: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    pub(super) fn chaos(&mut self, seed: u64, per_mille: u64, kinds: Vec<Fault>) {
        self.chaos = (per_mille > 0 && !kinds.is_empty()).then_some(Chaos {
            state: seed,
            per_mille,
            kinds,
        });
    }

    pub(super) fn clear(&mut self) {
        self.rules.clear();
        self.chaos = None;
    }

    /// The fault that strikes this request, if any; scripted ones go before chance.
    pub(super) fn strike(&mut self, method: &str, route: Option<&str>, path: &str) -> Option<Fault> {
        let mut found = None;
        for rule in &mut self.rules {
            if rule.times == 0 || !rule.matches(method, route, path) {
                continue;
            }
            if rule.after > 0 {
                rule.after -= 1;
                continue;
            }
            rule.times -= 1;
            found = Some(rule.fault.clone());
            break;
        }
        if found.is_none()
            && let Some(chaos) = &mut self.chaos
            && chaos.draw() % 1000 < chaos.per_mille
        {
            let pick = usize::try_from(chaos.draw()).unwrap_or(0) % chaos.kinds.len();
            found = Some(chaos.kinds[pick].clone());
        }
        if let Some(fault) = &found {
            self.struck.push(format!("{method} {path}: {fault:?}"));
        }
        found
    }
}

impl Chaos {
    fn draw(&mut self) -> u64 {
        splitmix(&mut self.state) >> 1
    }
}

/// A small random sequence that is the same on every machine (SplitMix64).
pub(super) fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The page that GitHub's front shows when everything behind it is down.
pub(super) fn html_page(status: u16) -> String {
    format!(
        "<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head>\
         <body><h1>{status}</h1><p>This page is taking too long to load.</p></body></html>\n"
    )
}

/// The JSON of a plain server error.
pub(super) fn server_error(status: u16) -> Value {
    serde_json::json!({"message": "Server Error", "status": status.to_string()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_lets_the_first_requests_pass_and_strikes_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(FaultRule {
            after: 1,
            times: 2,
            ..FaultRule::once("POST", "/x/{y}", Fault::Hang)
        });
        let struck: Vec<bool> = (0..5)
            .map(|_| faults.strike("POST", Some("/x/{y}"), "/x/1").is_some())
            .collect();
        assert_eq!(struck, [false, true, true, false, false]);
        assert!(faults.strike("GET", Some("/x/{y}"), "/x/1").is_none());
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.chaos(seed, 300, vec![Fault::Status(500), Fault::Reset]);
            (0..50)
                .map(|_| faults.strike("GET", None, "/a"))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }
}
