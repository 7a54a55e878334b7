"""Batches of heartbeats, each written to Postgres in one transaction."""
