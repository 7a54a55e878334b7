-- The rows of another build's fold are not told from one's own again.
alter table event_log.checkpoints drop column fold_number, drop column fold_position;
