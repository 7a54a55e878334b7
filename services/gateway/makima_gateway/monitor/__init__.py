"""The monitor: publishes the log's newest events to WebSocket and Server-Sent Events clients."""
