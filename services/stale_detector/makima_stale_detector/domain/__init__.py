"""Rules for silent senders and stale contracts: pure functions of broker timestamps and event timestamps, no
local clock.
"""
