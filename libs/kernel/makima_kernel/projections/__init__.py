"""Read models: subscribe to the log, apply its events to tables, and rebuild these."""
