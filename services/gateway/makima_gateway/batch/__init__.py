"""Batches: one operation on many contracts, recorded so that a repeat resumes it."""
