//! What is happening: the pure core that decides, and the state it decides from.
