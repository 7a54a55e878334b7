"""The rules about contracts: pure functions from a command and a state to events."""
