"""One operation on many contracts."""
