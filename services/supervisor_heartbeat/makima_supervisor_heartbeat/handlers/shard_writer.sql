-- name: lock
-- One recorder at a time for each shard; a session's locks go with its connection.
select pg_try_advisory_lock(hashtext('makima.recorder'), $1)

-- name: unlock
-- Some of the shards are somebody else's: then the others are not ours either.
select pg_advisory_unlock_all()

-- name: unhurried
-- No commit of this session waits for the disk.
set synchronous_commit = off

-- name: staging
-- Where a slice arrives before one statement spreads it; empty again after each commit, and never written to the WAL.
create temporary table arriving (
    received_at timestamptz not null, sequence bigint not null, sender text not null, contract_id text, daemon_id text,
    connection_id text, state text, phase text, activity text, progress smallint, detail json, newest boolean not null
) on commit delete rows

-- name: own
-- From here on only this owner moves these shards. A transaction of the former owner is waited for; its next one finds nothing to move.
update supervisor_heartbeat.watermarks set owner = $2 where shard = any($1::smallint[])
returning shard, stream_epoch, sequence

-- name: record
-- One slice: the history, the newest of each sender, and the watermark, or nothing of it.
with history as (
    insert into supervisor_heartbeat.heartbeats
    select received_at, sequence, sender, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail from arriving
), newest as (
    insert into supervisor_heartbeat.latest as latest
    select sender, $3, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail
    from arriving where newest
    order by sender collate "C" -- lanes lock in one order: a sender that moves between them is in both
    on conflict (sender) do update set
        stream_epoch = excluded.stream_epoch, sequence = excluded.sequence, received_at = excluded.received_at,
        contract_id = excluded.contract_id, daemon_id = excluded.daemon_id, connection_id = excluded.connection_id,
        state = excluded.state, phase = excluded.phase, activity = excluded.activity, progress = excluded.progress,
        detail = excluded.detail
    where latest.stream_epoch <> excluded.stream_epoch or latest.sequence < excluded.sequence
), moved as (
    update supervisor_heartbeat.watermarks
    set stream_epoch = $3, sequence = $4, observed_at = greatest(observed_at, $5)
    where shard = any($1::smallint[]) and owner = $2
    returning 1
)
select count(*) from moved

-- name: move
-- The watermark alone: nothing but canaries came.
update supervisor_heartbeat.watermarks
set stream_epoch = $3, sequence = $4, observed_at = greatest(observed_at, $5)
where shard = any($1::smallint[]) and owner = $2
