"""Commands, one question, and the start by a supervisor's first heartbeat: message → domain → log; no rules."""
