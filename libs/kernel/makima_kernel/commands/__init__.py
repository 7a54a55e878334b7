"""Command handling: the client, the router, the handler (load, decide, append), deciders and lifecycles."""
