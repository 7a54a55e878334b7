"""What is said on the wire: events, commands, heartbeats, subjects, errors, and the codec that reads and writes them."""
