"""Loops and handlers: recorder, watermarks, observations, published states, verdicts, restarts."""
