"""The only service with timers: detects silent senders and stale contracts, with evidence, once each."""
