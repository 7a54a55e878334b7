"""The detector at work: the stream is read, canaries are sent, the log is followed, verdicts are asked for and told."""
