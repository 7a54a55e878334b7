"""The rules of the completion-detector: what is known of a contract, and what is to be asked of it."""
