//! Settings: the file and the environment, checked, with secrets kept apart.
