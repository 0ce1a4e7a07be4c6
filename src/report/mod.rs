//! What we say: data to Markdown, escaped and clipped to GitHub's limits.
