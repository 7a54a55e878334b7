"""NATS: connections, streams, the pull loop."""
