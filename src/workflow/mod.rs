//! What should happen: YAML to a checked graph of nodes, conditions and templates.
