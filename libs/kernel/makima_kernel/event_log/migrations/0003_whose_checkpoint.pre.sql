-- Which log the rows of a consumer tell of: the event the checkpoint stands at, and the epoch in which it was last found to be there.
-- Null, where an older build has moved it: not known.
alter table event_log.checkpoints add column event_id uuid, add column epoch uuid;
