"""The contract: its model, its commands and its events."""
