//! The artifacts' contracts: what `plan.md` and its siblings must say, parsed and linted.
