-- name: load
-- The snapshot of a stream, if the same code took it.
select version, state from event_log.snapshots where tenant = $1 and stream = $2 and fingerprint = $3

-- name: save
-- Another code's snapshot is replaced at any version, one's own only by a later one.
insert into event_log.snapshots as kept (tenant, stream, version, fingerprint, state)
values ($1, $2, $3, $4, $5)
on conflict (tenant, stream) do update set version = excluded.version, fingerprint = excluded.fingerprint, state = excluded.state
where kept.fingerprint <> excluded.fingerprint or kept.version < excluded.version
