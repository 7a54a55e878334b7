-- name: lock
-- Tries to take the advisory lock of a shard, so that one recorder at a time records it; released when the
-- connection ends.
select pg_try_advisory_lock(hashtext('makima.recorder'), $1)

-- name: unlock
-- Releases all locks of the session, because another recorder holds some of the shards.
select pg_advisory_unlock_all()

-- name: unhurried
-- Makes the session's commits asynchronous: they do not wait for the disk.
set synchronous_commit = off

-- name: staging
-- Staging table for a batch, from which one statement fills the other tables; emptied by each commit, never
-- in the WAL.
create temporary table arriving (
    received_at timestamptz not null, sequence bigint not null, sender text not null, contract_id text, daemon_id text,
    connection_id text, state text, phase text, activity text, progress smallint, detail json, seq bigint,
    progress_ns bigint, judged_ns bigint, newest boolean not null
) on commit delete rows

-- name: own
-- Makes this recorder the owner of the shards' watermarks. Waits for a running transaction of the former
-- owner, whose next one then matches no row and fails.
update supervisor_heartbeat.watermarks set owner = $2 where shard = any($1::smallint[])
returning shard, stream_epoch, sequence

-- name: record
-- Writes one batch atomically: the history, the newest heartbeat of each sender, and the watermarks of the
-- shards. Returns the number of watermarks moved: fewer than $1 has means that another recorder owns the
-- shards now.
with history as (
    insert into supervisor_heartbeat.heartbeats
    select received_at, sequence, sender, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail from arriving
), newest as (
    insert into supervisor_heartbeat.latest as latest
    select sender, $3, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail, seq, sequence,
           progress_ns, judged_ns, sequence
    from arriving where newest
    -- Both lanes lock rows in the same order: a sender that moves between them is in both.
    order by sender collate "C"
    on conflict (sender) do update set
        stream_epoch = excluded.stream_epoch, sequence = excluded.sequence, received_at = excluded.received_at,
        contract_id = excluded.contract_id, daemon_id = excluded.daemon_id, connection_id = excluded.connection_id,
        state = excluded.state, phase = excluded.phase, activity = excluded.activity, progress = excluded.progress,
        detail = excluded.detail, seq = excluded.seq, seq_of = excluded.seq_of,
        progress_ns = excluded.progress_ns, judged_ns = excluded.judged_ns, progress_of = excluded.progress_of
    where latest.stream_epoch <> excluded.stream_epoch or latest.sequence < excluded.sequence
), moved as (
    update supervisor_heartbeat.watermarks
    set stream_epoch = $3, sequence = $4, observed_at = greatest(observed_at, $5)
    where shard = any($1::smallint[]) and owner = $2
    returning 1
)
select count(*) from moved

-- name: move
-- Moves the watermarks only, for a batch without heartbeats (canaries only).
update supervisor_heartbeat.watermarks
set stream_epoch = $3, sequence = $4, observed_at = greatest(observed_at, $5)
where shard = any($1::smallint[]) and owner = $2
