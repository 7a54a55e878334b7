"""The detector at work: looks are taken, questions answered, worktrees cleaned up, validators run."""
