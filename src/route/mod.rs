//! Who does it: candidates, routes, and which candidate comes next after failures.
