"""What the log says of supervisors and daemons, and what a heartbeat or a verdict changes in it. Pure."""
