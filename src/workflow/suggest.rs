//! Did-you-mean.

/// The candidate that is most likely meant, where one is close enough.
pub(super) fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wanted, candidate), candidate))
        // A third of the letters may be wrong, in a short word one.
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count().max(3)) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// A help text with the closest candidate, else with all of them.
pub(super) fn help<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let wanted: String = wanted.chars().take(60).collect();
    match closest(&wanted, candidates.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let all: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
            if all.is_empty() {
                "there is nothing it could be".to_owned()
            } else {
                format!("it can be {}", all.join(", "))
            }
        }
    }
}
