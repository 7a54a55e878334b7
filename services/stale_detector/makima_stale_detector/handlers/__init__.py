"""The detector's loops: heartbeats, canaries, the log, verdicts, `SilenceDetected`, stale contracts."""
