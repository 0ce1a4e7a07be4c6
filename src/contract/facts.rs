//! The facts in a text: numbers, names, links and identifiers, and which of them nobody gave.
//!
//! A design model may arrange and word; it may not invent a price, a version, an address or a name. What it adds is
//! held against what there was: the files before, the plan and the issue. The check is deterministic and shallow: it
//! finds what stands nowhere, not what is wrong.

use std::collections::BTreeSet;

/// A finding list longer than this tells a reader nothing more.
const MOST: usize = 20;

/// Whether a file's text is read by people, so that its facts are checked. Numbers of style sheets and programs are
/// their craft.
pub fn is_prose(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    matches!(
        ending,
        "md" | "mdx"
            | "markdown"
            | "txt"
            | "rst"
            | "adoc"
            | "html"
            | "htm"
            | "vue"
            | "svelte"
            | "jsx"
            | "tsx"
            | "hbs"
            | "j2"
            | "erb"
            | "tpl"
            | "po"
            | "ftl"
            | "strings"
            | "arb"
    )
}

/// The facts of the added text that occur in none of the sources, in the order of the text, at most 20.
pub fn unfounded(added: &str, sources: &[&str]) -> Vec<String> {
    let known: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| facts(source, true))
        .map(|fact| fact.to_lowercase())
        .collect();
    let mut seen = BTreeSet::new();
    facts(added, false)
        .into_iter()
        .filter(|fact| !known.contains(&fact.to_lowercase()))
        .filter(|fact| seen.insert(fact.to_lowercase()))
        .take(MOST)
        .collect()
}

/// The facts of a text. A source is read generously: every word of it counts, so that a name that begins a sentence
/// there founds the same name within a sentence here.
fn facts(text: &str, generous: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    // Links first: what is in them is no word.
    let mut words = String::with_capacity(text.len());
    while let Some(at) = rest
        .find("http://")
        .into_iter()
        .chain(rest.find("https://"))
        .min()
    {
        words.push_str(&rest[..at]);
        let link = &rest[at..];
        let end = link
            .find(|c: char| c.is_whitespace() || "\"'<>`)]}".contains(c))
            .unwrap_or(link.len());
        let link_text = link[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '/']);
        found.push(link_text.to_owned());
        words.push(' ');
        rest = &link[end..];
    }
    words.push_str(rest);
    let words = without_tags(&words);

    for line in words.lines() {
        // Headings are written with capitals.
        let heading = line.trim_start().starts_with('#');
        let mut begins = true;
        for word in line.split(|c: char| c.is_whitespace() || "\"'`<>()[]{};|*=“”„«»".contains(c)) {
            let bare = word
                .trim_end_matches(['.', ',', '!', '?', ':', '-', '–', '—'])
                .trim_start_matches(['#', '-', '–', '—', '@']);
            if !bare.is_empty() {
                if generous || is_fact(bare, begins || heading) {
                    found.push(bare.to_owned());
                }
                if generous {
                    found.extend(number_in(bare).map(str::to_owned));
                }
                begins = false;
            }
            begins |= word.ends_with(['.', '!', '?', ':']) || word == "-";
        }
    }
    found
}

/// Whether a word states something that could be invented.
fn is_fact(word: &str, begins_sentence: bool) -> bool {
    if let Some(number) = number_in(word) {
        // Small counts are words of their own: "2 columns" is layout, "37 customers" is a claim.
        return number.len() > 1 || word.contains(['%', '$', '€', '£']);
    }
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    if letters < 2 {
        return false;
    }
    let inner_capital = word.chars().skip(1).any(char::is_uppercase);
    let identifier = word.contains('_') || word.contains("::") || inner_capital;
    let name = !begins_sentence && word.chars().next().is_some_and(char::is_uppercase);
    identifier || name
}

/// The number that a word holds, without currency, sign and unit.
fn number_in(word: &str) -> Option<&str> {
    let number = word.trim_matches(|c: char| !c.is_ascii_digit());
    let plain = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || ".,:/-".contains(c));
    plain.then_some(number)
}

/// The text between tags. What stands in them is markup; links were taken before.
fn without_tags(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        plain.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let is_tag = after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match after.find('>') {
            Some(end) if is_tag && !after[..end].contains('<') => {
                plain.push_str(" . ");
                rest = &after[end + 1..];
            }
            _ => {
                plain.push('<');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_nobody_gave_is_found() {
        let sources = ["Widgets cost $12.50 each. See https://example.com/docs and `price_half`. Ask Ada."];
        let table: [(&str, &[&str]); 12] = [
            ("Each widget costs 12.50 dollars.", &[]),
            ("Each widget costs 13.50 dollars.", &["13.50"]),
            ("Save 20% today!", &["20%"]),
            ("Trusted by 4,000 teams.", &["4,000"]),
            ("Read [the docs](https://example.com/docs).", &[]),
            (
                "Read [the docs](https://example.com/guide).",
                &["https://example.com/guide"],
            ),
            ("Call `price_half` or `price_third`.", &["price_third"]),
            ("Our support, led by Ada, answers.", &[]),
            ("Our support, led by Grace, answers.", &["Grace"]),
            ("Two columns and 3 rows.", &[]),
            ("<p class=\"x-99\">Widgets</p>", &[]),
            ("# Fresh Start\nWelcome. Prices fall.", &[]),
        ];
        for (added, wanted) in table {
            assert_eq!(unfounded(added, &sources), wanted, "{added}");
        }
    }

    #[test]
    fn prose_is_what_people_read() {
        for path in ["README.md", "web/Index.HTML", "src/App.tsx"] {
            assert!(is_prose(path), "{path}");
        }
        for path in ["src/a.rs", "web/a.css", "Makefile", "data.json"] {
            assert!(!is_prose(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_text_founds_itself(text in "\\PC{0,200}") {
            prop_assert!(unfounded(&text, &[&text]).is_empty());
        }
    }
}
