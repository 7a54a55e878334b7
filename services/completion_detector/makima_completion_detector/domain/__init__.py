"""The rules of the completion-detector: the snapshot of a contract, and the next action for it. Pure."""
