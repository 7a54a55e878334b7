"""Keeps every heartbeat, and the state of every supervisor and daemon; applies verdicts."""
