-- A restore whose stream is lost is not found again.
alter table event_log.identity drop column place;
drop function event_log.place();
