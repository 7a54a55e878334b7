-- The number of the newest heartbeat within its connection, so that a late one changes nothing after a restart either. `seq_of` is
-- the place in the stream of the heartbeat that `seq` belongs to: a version of before writes neither, and then they differ.
alter table latest add column seq bigint, add column seq_of bigint;
