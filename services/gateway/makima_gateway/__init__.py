"""The gateway: HTTP and WebSocket at the edge, commands to their owners, answers from its own read model; it decides nothing."""
