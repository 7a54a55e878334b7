"""What waits for a person, over all contracts."""
