"""Publishes the events of the log to JetStream."""
