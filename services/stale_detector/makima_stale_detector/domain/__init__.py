"""The rules of silence and staleness: pure, on broker time and log time alone."""
