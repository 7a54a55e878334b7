"""Pure rules for supervisors and daemons: state, and events caused by heartbeats and verdicts."""
