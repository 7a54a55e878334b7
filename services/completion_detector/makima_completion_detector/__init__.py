"""Notices that a phase or a contract is done and asks for the next step, once."""
