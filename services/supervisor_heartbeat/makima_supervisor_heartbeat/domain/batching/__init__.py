"""Batches of heartbeats, each written to Postgres in one transaction, and how they
are built from messages.
"""
