-- name: lock
-- One relay is enough; the session holds it.
select pg_try_advisory_lock(hashtext('event_log.relay'), 0)
