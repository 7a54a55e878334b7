"""The event log in Postgres: append, read, migrate, partition and prune."""
