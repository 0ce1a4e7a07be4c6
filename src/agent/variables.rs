//! Variables that an operator gives to a harness, with places that each attempt fills: how an agent that Footplate
//! does not know learns where its model answers.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;

use secrecy::ExposeSecret;

use super::Order;
use super::dialect::Invocation;

/// What a place in a variable stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Where the model answers: the meter's address for this attempt.
    ModelUrl,
    /// The key of no worth that goes with it.
    ModelKey,
    /// The candidate's model.
    Model,
    /// The attempt's private home.
    Home,
}

impl Place {
    const ALL: [(&'static str, Self); 4] = [
        ("model_url", Self::ModelUrl),
        ("model_key", Self::ModelKey),
        ("model", Self::Model),
        ("home", Self::Home),
    ];

    fn filled(self, order: &Order) -> Option<OsString> {
        match self {
            Self::ModelUrl => order
                .model_url
                .as_deref()
                .map(|url| url.trim_end_matches('/').into()),
            Self::ModelKey => order.model_key.as_ref().map(|key| key.expose_secret().into()),
            Self::Model => order.model.as_deref().map(Into::into),
            Self::Home => Some(order.home.clone().into_os_string()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A variable's value, with places such as `{model_url}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled(Vec<Part>);

/// Variables by name.
pub type Variables = BTreeMap<String, Filled>;

impl Filled {
    /// The names that may stand between braces.
    pub fn places() -> impl Iterator<Item = &'static str> + Clone {
        Place::ALL.into_iter().map(|(name, _)| name)
    }

    /// Reads a value.
    ///
    /// # Errors
    /// What stands between braces, if it is no place; empty where a brace is not closed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(String::new)?;
            let place = Place::ALL.iter().find(|(known, _)| *known == name);
            let (_, place) = place.ok_or_else(|| name.to_owned())?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Place(*place));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
        Ok(Self(parts))
    }

    /// The value for an attempt; `None` where it has nothing for one of the places.
    fn of(&self, order: &Order) -> Option<OsString> {
        let mut value = OsString::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => value.push(text),
                Part::Place(place) => value.push(place.filled(order)?),
            }
        }
        Some(value)
    }
}

/// Adds what an operator wants a harness to be told. A variable for which an attempt has no value is not set at all.
pub(super) fn tell(variables: &Variables, order: &Order, invocation: &mut Invocation) {
    let told = variables
        .iter()
        .filter_map(|(name, value)| Some((Cow::Owned(name.clone()), value.of(order)?)));
    invocation.variables.extend(told);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::testing;

    #[test]
    fn places_are_filled_by_the_attempt_and_what_has_no_value_is_not_set() {
        let root = tempfile::tempdir().expect("a folder");
        let mut order = testing::order(root.path());
        order.model_url = Some("http://127.0.0.1:4000/a/t/".to_owned());
        order.model_key = Some("dummy".to_owned().into());
        order.model = None;
        let variables: Variables = [
            ("URL", "{model_url}/v1"),
            ("BOTH", "key={model_key};at={home}/x"),
            ("MODEL", "{model}"),
            ("PLAIN", "1"),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Filled::parse(text).expect("it is well-formed")))
        .collect();
        let mut invocation = Invocation::default();
        tell(&variables, &order, &mut invocation);
        let told: BTreeMap<_, _> = invocation
            .variables
            .iter()
            .map(|(name, value)| (name.as_ref(), value.to_string_lossy().into_owned()))
            .collect();
        let home = order.home.display();
        let wanted = BTreeMap::from([
            ("URL", "http://127.0.0.1:4000/a/t/v1".to_owned()),
            ("BOTH", format!("key=dummy;at={home}/x")),
            ("PLAIN", "1".to_owned()),
        ]);
        assert_eq!(told, wanted);
    }

    #[test]
    fn what_is_no_place_is_told() {
        assert_eq!(Filled::parse("{modle}"), Err("modle".to_owned()));
        assert_eq!(Filled::parse("{model"), Err(String::new()));
    }
}
