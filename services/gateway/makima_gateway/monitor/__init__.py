"""The monitor: the tail of the log, fanned out to WebSockets and event streams."""
