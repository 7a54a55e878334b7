"""What runs: the recorder and its watermarks, the observer, the state feed, and the verdicts' handlers."""
