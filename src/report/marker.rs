//! The hidden marker by which Footplate finds its own comments and pull requests.
//!
//! Anyone can paste a marker: it counts only in a text whose author is our App, which the reader checks.

use std::fmt;

use crate::model::RunId;

/// The longest key, in bytes: long enough for an action's key, short enough to stay one line.
const KEY_MAX: usize = 200;

/// What a marked text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkerKind {
    /// The sticky status comment of an issue.
    Status,
    /// The comment of one plan revision.
    Plan,
    /// The body of the pull request.
    Pull,
    /// An answer to one comment, or a notice about one event.
    Reply,
    /// The comment that says where held work lies.
    Held,
}

impl MarkerKind {
    const ALL: [Self; 5] = [Self::Status, Self::Plan, Self::Pull, Self::Reply, Self::Held];

    /// The kind as the marker writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Plan => "plan",
            Self::Pull => "pull",
            Self::Reply => "reply",
            Self::Held => "held",
        }
    }
}

/// Identifies a text that Footplate wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The run; none where Footplate answered without one.
    pub run: Option<RunId>,
    /// What the text is.
    pub kind: MarkerKind,
    /// The generation of the node that it speaks of, from 1; 0 where there is none.
    pub generation: u32,
    /// What else tells it from others of its kind, such as the id of the comment that it answers.
    pub key: Option<MarkerKey>,
}

/// A marker's key: 1 to 200 letters, digits and `_.:/-`, without `--`, which would end the HTML comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkerKey(String);

impl MarkerKey {
    /// Checks the text and wraps it; `None` where it does not fit.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let fits = (1..=KEY_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_.:/-".contains(&b))
            && !text.contains("--")
            && !text.ends_with('-');
        fits.then_some(Self(text))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Marker {
    /// Finds the marker that stands alone on the first or the last line of a body, and nowhere else.
    pub fn parse(body: &str) -> Option<Self> {
        let body = body.trim_end();
        let first = body.lines().next()?;
        let last = body.lines().next_back()?;
        Self::read(first).or_else(|| Self::read(last))
    }

    /// Reads one line, which must be exactly what [`fmt::Display`] writes.
    fn read(line: &str) -> Option<Self> {
        let fields = line.strip_prefix("<!-- footplate:")?.strip_suffix(" -->")?;
        let mut fields = fields.split(' ');
        let run = match fields.next()?.strip_prefix("run=")? {
            "none" => None,
            id => Some(RunId::new(id).ok()?),
        };
        let kind = fields.next()?.strip_prefix("kind=")?;
        let kind = MarkerKind::ALL.into_iter().find(|known| known.as_str() == kind)?;
        let generation = fields.next()?.strip_prefix("generation=")?.parse().ok()?;
        let key = match fields.next() {
            Some(field) => Some(MarkerKey::new(field.strip_prefix("key=")?)?),
            None => None,
        };
        let marker = Self {
            run,
            kind,
            generation,
            key,
        };
        (fields.next().is_none() && marker.to_string() == line).then_some(marker)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let run = self.run.as_ref().map_or("none", RunId::as_str);
        write!(
            f,
            "<!-- footplate:run={run} kind={} generation={}",
            self.kind.as_str(),
            self.generation
        )?;
        if let Some(key) = &self.key {
            write!(f, " key={}", key.as_str())?;
        }
        f.write_str(" -->")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(key: Option<&str>) -> Marker {
        Marker {
            run: Some(RunId::new("01jd0000000000000000abcdef").unwrap()),
            kind: MarkerKind::Plan,
            generation: 3,
            key: key.map(|key| MarkerKey::new(key).unwrap()),
        }
    }

    #[test]
    fn a_marker_is_found_on_the_first_or_last_line_alone() {
        let text = "<!-- footplate:run=01jd0000000000000000abcdef kind=plan generation=3 key=comment:12 -->";
        assert_eq!(marker(Some("comment:12")).to_string(), text);
        for body in [
            text.to_owned(),
            format!("{text}\nBody."),
            format!("Body.\r\n{text}\r\n"),
        ] {
            assert_eq!(Marker::parse(&body), Some(marker(Some("comment:12"))), "{body:?}");
        }
        for body in [
            format!("a\n{text}\nb"),
            format!("x {text}"),
            format!("{text} x"),
            format!("  {text}\nb"),
            String::new(),
        ] {
            assert_eq!(Marker::parse(&body), None, "{body:?}");
        }
    }

    #[test]
    fn a_marker_that_is_not_exactly_ours_is_none() {
        let good = marker(None).to_string();
        assert_eq!(Marker::parse(&good), Some(marker(None)));
        for (from, to) in [
            ("kind=plan", "kind=Plan"),
            ("kind=plan", "kind=plans"),
            ("generation=3", "generation=+3"),
            ("generation=3", "generation=03"),
            ("generation=3", "generation=3 key="),
            ("generation=3", "generation=3 key=a more=b"),
            ("run=01jd", "run=01JD"),
            ("<!-- ", "<!--"),
            (" kind", "  kind"),
        ] {
            assert_eq!(Marker::parse(&good.replace(from, to)), None, "{from} → {to}");
        }
    }

    #[test]
    fn a_key_cannot_end_the_comment_it_stands_in() {
        for bad in ["", "a--b", "a-", "a b", "a>b", "a\nb", &"x".repeat(201)] {
            assert_eq!(MarkerKey::new(bad), None, "{bad:?}");
        }
    }
}
