"""The runtime of a service process: settings, health endpoints, Postgres pool, and its start and shutdown."""
