//! Publishing: policy on the exact commit to push, then push and pull request.
