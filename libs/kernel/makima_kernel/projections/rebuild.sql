-- name: lock
-- One rebuild per schema at a time; the session holds it.
select pg_try_advisory_lock(hashtext('event_log.rebuild'), hashtext($1))

-- name: start
-- A fresh checkpoint beside the live one; what an earlier rebuild left behind goes.
with live as (
    select min(generation) as generation from event_log.checkpoints where consumer = $1 and shard = 0
), left_behind as (
    delete from event_log.checkpoints as c using live where c.consumer = $1 and c.shard = 0 and c.generation > live.generation + 1
)
insert into event_log.checkpoints (consumer, generation, shard, position)
select $1, live.generation + 1, 0, 0 from live
on conflict (consumer, generation, shard) do update set position = 0, event_id = null, epoch = null, owner = null, lease_until = null
returning generation

-- name: constraints
-- Those that stand on an index; LIKE would give them other names.
select conname, pg_get_constraintdef(oid, true) as definition
from pg_constraint
where conrelid = $1::regclass and contype in ('p', 'u', 'x')

-- name: indexes
-- The other indexes; without schema names, as the live schema is the search path.
select pg_get_indexdef(indexrelid, 0, true) as definition
from pg_index
where indrelid = $1::regclass and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))

-- name: options
-- Storage parameters (fillfactor), which LIKE leaves out.
select array_to_string(reloptions, ', ') from pg_class where oid = $1::regclass

-- name: progress
update event_log.checkpoints set position = $3 where consumer = $1 and generation = $2 and shard = 0

-- name: hold
-- The active projector compares and swaps this row first of all: while we hold it, the live tables stand still.
select position from event_log.checkpoints where consumer = $1 and generation = $2 and shard = 0 for update

-- name: promote
-- The rebuilt generation is the live one now, under the same owner, and of this log.
with old as (
    delete from event_log.checkpoints where consumer = $1 and generation = $2 - 1 and shard = 0 returning owner, lease_until
)
update event_log.checkpoints as c
set position = $3, event_id = (select event_id from event_log.events where position = $3), epoch = identity.epoch,
    owner = old.owner, lease_until = old.lease_until
from old, event_log.identity
where c.consumer = $1 and c.generation = $2 and c.shard = 0
