"""Connects bus, database and domain: evaluation loop, queries, worktree clean-up and validators."""
