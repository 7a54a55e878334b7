"""The messages of makima and their encoding: events, commands, heartbeats,
monitor messages, subjects and errors.
"""
