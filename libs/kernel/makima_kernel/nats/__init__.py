"""NATS: connections, users, streams, and reading from them."""
