"""Records heartbeats, owns the state of supervisors and daemons in the log, and applies verdicts."""
