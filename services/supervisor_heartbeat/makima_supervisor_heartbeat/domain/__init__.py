"""Rules for supervisors and daemons: their state in the log, and the events caused by heartbeats and
verdicts. Pure.
"""
