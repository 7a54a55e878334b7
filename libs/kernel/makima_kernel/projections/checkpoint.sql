-- name: begin
-- Inserts the first checkpoint of a consumer. Later generations are made by rebuilds.
insert into event_log.checkpoints (consumer, generation, shard, position)
select $1, 1, 0, 0
where not exists (select from event_log.checkpoints where consumer = $1)
on conflict do nothing

-- name: acquire
-- Takes the lease of the live generation, which is the lowest; a higher one is a rebuild in progress. Returns
-- no row while another owner's lease lasts, or while a transaction holds the row (skip locked, so nothing
-- waits here). `of_this_log`: the log has, at the checkpoint's position, the event that the checkpoint names;
-- else the database was restored. `of_this_fold`: all events in the rows were applied by builds with the fold
-- number $4; empty tables get this number.
with free as (
    select generation, position = 0 or exists (
        select from event_log.events
        where events.position = checkpoints.position and events.event_id = coalesce(checkpoints.event_id, events.event_id)
    ) as of_this_log, position = 0 or coalesce(fold_number = $4 and fold_position = position, false) as of_this_fold
    from event_log.checkpoints
    where consumer = $1 and shard = 0
      and generation = (select min(generation) from event_log.checkpoints where consumer = $1 and shard = 0)
      and (owner is null or owner = $2 or lease_until is null or lease_until < clock_timestamp())
    for update skip locked
)
update event_log.checkpoints as c
set owner = $2, lease_until = clock_timestamp() + $3, epoch = case when free.of_this_log then identity.epoch else c.epoch end,
    fold_number = case when c.position = 0 then $4 else c.fold_number end,
    fold_position = case when c.position = 0 then 0 else c.fold_position end
from free, event_log.identity
where c.consumer = $1 and c.shard = 0 and c.generation = free.generation
returning c.generation, c.position, free.of_this_log, free.of_this_fold

-- name: advance
-- Compare-and-swap, the first statement of the transaction that applies a batch. No row: another replica or a
-- rebuild has moved the checkpoint, so this one must stop. Also sets the search path to the projection's
-- tables, and a timeout by which the server ends the transaction if the replica freezes in the middle of it;
-- and has it committed without waiting for the disk: a crash of Postgres takes rows and checkpoint back together,
-- and their events are applied again from the log, which is durable. The disk's time would be every append's.
-- `fold_position` stays behind once a build with another fold number, or without one, has applied an event.
update event_log.checkpoints
set position = $5, event_id = $6, lease_until = clock_timestamp() + $7,
    fold_position = case when fold_number = $10 and fold_position = position then $5 else fold_position end
where consumer = $1 and generation = $2 and shard = 0 and owner = $3 and position = $4
returning set_config('search_path', $8, true), set_config('idle_in_transaction_session_timeout', $9, true),
          set_config('synchronous_commit', 'off', true)

-- name: renew
-- Extends the lease of an owner that has nothing to apply.
update event_log.checkpoints
set lease_until = clock_timestamp() + $4
where consumer = $1 and generation = $2 and shard = 0 and owner = $3

-- name: release
-- Gives up the lease, so that another replica can take it.
update event_log.checkpoints
set owner = null, lease_until = null
where consumer = $1 and shard = 0 and owner = $2

-- name: position
-- The position up to which the live generation has applied the log.
select position from event_log.checkpoints where consumer = $1 and shard = 0 order by generation limit 1

-- name: shown
-- Which log the tables of the live generation show, and how far. No row before the first replica has begun.
select coalesce(checkpoints.epoch, identity.epoch) as epoch, position
from event_log.checkpoints, event_log.identity
where consumer = $1 and shard = 0
order by generation
limit 1

-- name: standing
-- How long the oldest event that is not applied has been in the log, by the database's clock (which also set
-- its time); and whether the tables show another log.
with live as (
    select position, epoch from event_log.checkpoints where consumer = $1 and shard = 0 order by generation limit 1
)
select
    (
        select clock_timestamp() - events.recorded_at
        from event_log.events
        where events.position > coalesce((select position from live), 0)
        order by events.position
        limit 1
    ) as waiting,
    exists (select from live, event_log.identity where live.epoch <> identity.epoch) as of_another_log

-- name: outdated
-- Why the owner $2 must rebuild the live tables: they show events that are not in this log, or events that were
-- not all applied with the fold number $3. No row: another replica holds the lease.
select
    position > 0 and not exists (
        select from event_log.events
        where events.position = checkpoints.position and events.event_id = coalesce(checkpoints.event_id, events.event_id)
    ) as of_another_log,
    position > 0 and not coalesce(fold_number = $3 and fold_position = position, false) as of_another_fold,
    fold_number
from event_log.checkpoints
where consumer = $1 and shard = 0 and owner = $2
  and generation = (select min(generation) from event_log.checkpoints where consumer = $1 and shard = 0)
