"""What is written to Postgres at once: batches of heartbeats, all or nothing."""
