"""The contract service: the only writer of contracts."""
