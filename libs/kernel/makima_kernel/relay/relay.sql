-- name: lock
-- The lock of the publishing relay; the session holds it.
select pg_try_advisory_lock(hashtext('event_log.relay'), 0)
