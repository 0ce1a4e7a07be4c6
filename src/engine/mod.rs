//! The engine: the driver around the pure core, and the hands that carry out its actions.
