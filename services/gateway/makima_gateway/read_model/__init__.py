"""The read model: its rows, the pure fold, storage, and queries."""
