"""The completion-detector: sends the command for the next step once a phase or contract is done."""
