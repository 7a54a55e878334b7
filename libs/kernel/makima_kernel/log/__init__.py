"""The event log in Postgres: appending, reading, relaying and projecting it, and its upkeep."""
