//! Did-you-mean: the known word that somebody most likely meant by an unknown one.
//!
//! One measure of likeness for keys, names, nodes, artifacts and models, so that the same slip is understood
//! wherever it is made. Deliberately absent: the sentence around the suggestion.

/// The most candidates in a help text: a node has 20 keys, a workflow up to 200 nodes.
const MOST: usize = 20;

/// The candidate that is most likely meant, where one is close enough.
pub fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let alike = |candidate: &str| strsim::jaro_winkler(wanted, candidate);
    candidates
        .into_iter()
        .map(|candidate| (distance(wanted, candidate), candidate))
        // A third of the letters may be wrong, in a short word one; but never all of them.
        .filter(|(distance, candidate)| {
            let letters = candidate.chars().count();
            *distance <= letters.max(3) / 3 && *distance < letters
        })
        .min_by(|(a, left), (b, right)| a.cmp(b).then(alike(right).total_cmp(&alike(left))))
        .map(|(_, candidate)| candidate)
}

/// A help text with the closest candidate, else with all of them; `None` where there are none.
pub fn help<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    let wanted: String = wanted.chars().take(60).collect();
    if let Some(meant) = closest(&wanted, candidates.clone()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let mut all: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    if all.len() > MOST {
        all.truncate(MOST);
        all.push("…".to_owned());
    }
    (!all.is_empty()).then(|| format!("it can be {}", all.join(", ")))
}

/// The letters to change; one where a word of three letters or more is the beginning of the other.
fn distance(wanted: &str, candidate: &str) -> usize {
    let (short, long) = if wanted.len() < candidate.len() {
        (wanted, candidate)
    } else {
        (candidate, wanted)
    };
    if short.len() >= 3 && long.starts_with(short) {
        return 1;
    }
    strsim::damerau_levenshtein(wanted, candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_suggested_and_a_distant_one_is_not() {
        let table = [
            ("planner", Some("plan")),
            ("reeds", Some("reads")),
            ("neds", Some("needs")),
            ("wizard", None),
            ("x", None),
            ("", None),
        ];
        for (wanted, meant) in table {
            assert_eq!(
                closest(wanted, ["needs", "plan", "reads", "a"]),
                meant,
                "{wanted}"
            );
        }
    }
}
