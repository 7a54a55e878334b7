"""What an event-sourced service is built from: the log, the bus, the runtime."""
