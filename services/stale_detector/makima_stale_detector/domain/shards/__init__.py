"""The state of each shard of the heartbeat stream: its observed clock, clock rate and timing wheel."""
