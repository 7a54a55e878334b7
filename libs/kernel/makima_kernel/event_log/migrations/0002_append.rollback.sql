-- Without it the log is read-only.
drop function event_log.append;
