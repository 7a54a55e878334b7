"""What every service is built on: settings, logs, traces, metrics, health and the runtime that joins them."""
