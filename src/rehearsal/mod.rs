//! A stand-in for GitHub, and scripted models: for `rehearse` and for the tests.
