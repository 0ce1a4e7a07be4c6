//! Lines as words and numbers.

/// A word or a whole number; whatever is between them does not matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Number(u64),
    Word(&'a str),
}

/// Cuts a line into words and numbers.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words
        .map(|word| count(word).map_or(Token::Word(word), Token::Number))
        .collect()
}

/// A number of tests. Larger ones than fit 32 bits are none, so that sums never overflow.
pub(super) fn count(digits: &str) -> Option<u64> {
    digits.parse::<u32>().ok().map(u64::from)
}

/// The number right before a word.
pub(super) fn before(tokens: &[Token<'_>], word: &str) -> Option<u64> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Number(number), Token::Word(found)] if *found == word => Some(*number),
        _ => None,
    })
}

/// The number right after a word.
pub(super) fn after(tokens: &[Token<'_>], word: &str) -> Option<u64> {
    tokens.windows(2).find_map(|pair| match pair {
        [Token::Word(found), Token::Number(number)] if *found == word => Some(*number),
        _ => None,
    })
}
