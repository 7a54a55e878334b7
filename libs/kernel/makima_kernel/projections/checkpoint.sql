-- name: begin
-- The first checkpoint of a consumer; a later generation comes from a rebuild.
insert into event_log.checkpoints (consumer, generation, shard, position)
select $1, 1, 0, 0
where not exists (select from event_log.checkpoints where consumer = $1)
on conflict do nothing

-- name: acquire
-- The live generation is the lowest: a higher one is being rebuilt beside it. Refused (no row) while another owner's lease lasts, or
-- while somebody applies: nobody waits for a lock here. It is told whether the rows are of this log: whether it has, at their position,
-- the event that they stand at.
with free as (
    select generation, position = 0 or exists (
        select from event_log.events
        where events.position = checkpoints.position and events.event_id = coalesce(checkpoints.event_id, events.event_id)
    ) as of_this_log
    from event_log.checkpoints
    where consumer = $1 and shard = 0
      and generation = (select min(generation) from event_log.checkpoints where consumer = $1 and shard = 0)
      and (owner is null or owner = $2 or lease_until is null or lease_until < clock_timestamp())
    for update skip locked
)
update event_log.checkpoints as c
set owner = $2, lease_until = clock_timestamp() + $3, epoch = case when free.of_this_log then identity.epoch else c.epoch end
from free, event_log.identity
where c.consumer = $1 and c.shard = 0 and c.generation = free.generation
returning c.generation, c.position, free.of_this_log

-- name: advance
-- Compare and swap, first in the transaction that applies: whoever finds no row is a zombie. It also points the transaction at the
-- tables, and lets the server end it for a replica that freezes in the middle.
update event_log.checkpoints
set position = $5, event_id = $6, lease_until = clock_timestamp() + $7
where consumer = $1 and generation = $2 and shard = 0 and owner = $3 and position = $4
returning set_config('search_path', $8, true), set_config('idle_in_transaction_session_timeout', $9, true)

-- name: renew
-- Nothing to apply, but still here.
update event_log.checkpoints
set lease_until = clock_timestamp() + $4
where consumer = $1 and generation = $2 and shard = 0 and owner = $3

-- name: release
-- Let another replica try.
update event_log.checkpoints
set owner = null, lease_until = null
where consumer = $1 and shard = 0 and owner = $2

-- name: position
-- How far the live generation has applied the log.
select position from event_log.checkpoints where consumer = $1 and shard = 0 order by generation limit 1

-- name: shown
-- What the rows of the live generation tell of: which log, and how far. No row before the first replica has begun.
select coalesce(checkpoints.epoch, identity.epoch) as epoch, position
from event_log.checkpoints, event_log.identity
where consumer = $1 and shard = 0
order by generation
limit 1

-- name: standing
-- For how long the oldest event that is not applied has been in the log, by the clock that wrote its time; and whether the rows are of
-- another log.
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
