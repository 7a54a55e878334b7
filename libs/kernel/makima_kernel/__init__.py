"""What every makima service is built on: event log, relay, projections, commands, NATS and runtime."""
