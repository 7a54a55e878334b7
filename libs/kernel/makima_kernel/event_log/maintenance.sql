-- name: prune
-- Deletes at most $2 answers that are older than $1. The limit keeps the vacuum of the dead rows small: a
-- large one would delay appends.
delete from event_log.commands
where ctid = any (array(select ctid from event_log.commands where recorded_at < clock_timestamp() - $1::interval limit $2))
