-- name: prune
-- Deletes at most $2 answers that are older than $1, with the rights of the log's owner; returns how many.
select event_log.prune_commands($1, $2)
