-- Restores are told from the position alone again.
alter table event_log.checkpoints drop column event_id, drop column epoch;
