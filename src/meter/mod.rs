//! The gateway on loopback through which every model request of every harness goes: keys in, tokens and limits out.
