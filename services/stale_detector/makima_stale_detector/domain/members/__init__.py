"""Who is tracked: senders, their names, and what a heartbeat says."""
