"""From the log to JetStream."""
