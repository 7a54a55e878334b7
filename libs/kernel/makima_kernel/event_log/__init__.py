"""The event log in Postgres: appending, reading, and its maintenance."""
