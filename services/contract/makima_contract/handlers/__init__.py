"""Connects bus, domain and log: commands, one query, and the start of contracts. Contains no rules."""
