-- name: load
-- The snapshot of a stream, if code with the same fingerprint made it.
select version, state from event_log.snapshots where tenant = $1 and stream = $2 and fingerprint = $3

-- name: save
-- A snapshot with another fingerprint is replaced at any version,
-- one with the same fingerprint only by a later version.
insert into event_log.snapshots as kept (tenant, stream, version, fingerprint, state)
values ($1, $2, $3, $4, $5)
on conflict (tenant, stream) do update set version = excluded.version, fingerprint = excluded.fingerprint, state = excluded.state
where kept.fingerprint <> excluded.fingerprint or kept.version < excluded.version
