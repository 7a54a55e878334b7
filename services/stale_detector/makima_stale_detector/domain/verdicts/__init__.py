"""Decides which senders are silent: groups per owner, the mass-silence hold, verdicts with evidence."""
