"""The read model: its rows, the pure fold of events onto them, their storage, and the queries."""
