-- name: prune
-- Forgets the oldest answers, some at a time, so that no append waits for long behind the vacuum of many.
delete from event_log.commands
where ctid = any (array(select ctid from event_log.commands where recorded_at < clock_timestamp() - $1::interval limit $2))
