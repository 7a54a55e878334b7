-- Which code folded the rows of a consumer: the number of its fold, and the position up to which nobody else has applied anything.
-- Null or behind `position`: a build that does not know the number, or has another one, has applied events to the rows.
alter table event_log.checkpoints add column fold_number int, add column fold_position bigint;
