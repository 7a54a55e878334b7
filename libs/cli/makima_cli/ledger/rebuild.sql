-- name: known
-- The projections that ever ran on this log.
select distinct consumer from event_log.checkpoints where shard = 0 order by consumer

-- name: progress
-- How far the next generation is, and how far it has to go; null while none is being made. Somebody works on it as long as a session
-- holds the lock of its schema, which has the projection's name.
select
  (select max(position) from event_log.checkpoints
   where consumer = $1 and shard = 0 and generation > (select min(generation) from event_log.checkpoints where consumer = $1 and shard = 0)),
  coalesce((select position from event_log.events order by position desc limit 1), 0),
  exists (
    select from pg_locks
    where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
      and classid::bigint = hashtext('event_log.rebuild')::bigint & 4294967295 and objid::bigint = hashtext($1)::bigint & 4294967295
  )
