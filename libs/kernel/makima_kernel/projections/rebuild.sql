-- name: lock
-- Lets only one rebuild per schema run at a time; the session holds the lock.
select pg_try_advisory_lock(hashtext('event_log.rebuild'), hashtext($1))

-- name: start
-- Makes (or resets) the checkpoint of the next generation beside the live one;
-- deletes those of older rebuilds.
with live as (
    select min(generation) as generation from event_log.checkpoints where consumer = $1 and shard = 0
), left_behind as (
    delete from event_log.checkpoints as c using live where c.consumer = $1 and c.shard = 0 and c.generation > live.generation + 1
)
insert into event_log.checkpoints (consumer, generation, shard, position)
select $1, live.generation + 1, 0, 0 from live
on conflict (consumer, generation, shard) do update set position = 0, event_id = null, epoch = null, owner = null, lease_until = null, fold_number = null, fold_position = null
returning generation

-- name: cleared
-- The statements that make the schema $1, if it is missing, and drop the tables that a rebuild which was broken off
-- has left in it.
select format('create schema %I', $1::text) where not exists (select from pg_namespace where nspname = $1)
union all
select format('drop table %I.%I cascade', $1::text, c.relname)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname = $1 and c.relkind in ('r', 'p')

-- name: constraints
-- The constraints that use an index (primary key, unique, exclusion); LIKE would copy them under other names.
select conname, pg_get_constraintdef(oid, true) as definition
from pg_constraint
where conrelid = $1::regclass and contype in ('p', 'u', 'x')

-- name: indexes
-- The other indexes. Their definitions contain no schema name, because the live schema is the search path.
select pg_get_indexdef(indexrelid, 0, true) as definition
from pg_index
where indrelid = $1::regclass and not exists (select from pg_constraint where conindid = indexrelid and contype in ('p', 'u', 'x'))

-- name: options
-- The storage parameters (e.g. fillfactor), which LIKE leaves out.
select array_to_string(reloptions, ', ') from pg_class where oid = $1::regclass

-- name: progress
update event_log.checkpoints set position = $3 where consumer = $1 and generation = $2 and shard = 0

-- name: hold
-- Locks the live checkpoint. Each transaction of the active projector first updates this row, so the live
-- tables do not change while the lock is held.
select position from event_log.checkpoints where consumer = $1 and generation = $2 and shard = 0 for update

-- name: promote
-- Makes the rebuilt generation the live one, with the owner and the lease of the old one, of this log, and
-- folded with the number $4.
with old as (
    delete from event_log.checkpoints where consumer = $1 and generation = $2 - 1 and shard = 0 returning owner, lease_until
)
update event_log.checkpoints as c
set position = $3, event_id = (select event_id from event_log.events where position = $3), epoch = identity.epoch,
    owner = old.owner, lease_until = old.lease_until, fold_number = $4, fold_position = $3
from old, event_log.identity
where c.consumer = $1 and c.generation = $2 and c.shard = 0
