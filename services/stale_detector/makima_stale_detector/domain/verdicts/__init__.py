"""Who is silent: groups of senders, mass silence, and verdicts with their evidence."""
