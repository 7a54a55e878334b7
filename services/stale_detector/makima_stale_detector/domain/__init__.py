"""Rules for silent senders and stale contracts: pure, timed by broker and event timestamps only."""
