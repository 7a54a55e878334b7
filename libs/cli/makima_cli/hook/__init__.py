"""`makima hook`: for the hooks of coding agents, which run a command at each step of a session."""
