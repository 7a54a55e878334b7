"""The tracked senders (supervisors and daemons): their state, names and subjects, and how a heartbeat is
parsed.
"""
