"""Decides which senders are silent: sender groups per owner, the mass-silence hold, and verdicts with their
evidence.
"""
