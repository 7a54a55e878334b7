"""The service's loops and handlers: recorder, watermarks, observation writer, state publisher, verdicts,
restarts.
"""
