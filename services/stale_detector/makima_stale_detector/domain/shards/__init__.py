"""The observed clock and the timing wheel of each shard of the heartbeat stream."""
