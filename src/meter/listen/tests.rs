//! What is heard of answers.
