"""The agent: what is asked of it, the table of its statuses, and its decider."""
