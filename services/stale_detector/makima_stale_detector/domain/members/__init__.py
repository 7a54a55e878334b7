"""The tracked senders (supervisors, daemons): state, names, subjects, and parsing of heartbeats."""
