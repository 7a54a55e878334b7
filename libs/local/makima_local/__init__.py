"""Runs makima on one machine, for `makima up` and the tests:
embedded Postgres and NATS, and a process runner.
"""
