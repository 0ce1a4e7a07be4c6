//! Agents and checks as child processes: started, watched, and killed with their whole tree.
