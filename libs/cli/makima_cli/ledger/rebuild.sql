-- name: projections
-- Names of all projections that ever ran on this log.
select distinct consumer from event_log.checkpoints where shard = 0 order by consumer

-- name: progress
-- Position of the generation that is being built (null if none is), the log's last position, and whether a session
-- holds the advisory lock of the projection's rebuild: only then a service is working on it.
select
  (select max(position) from event_log.checkpoints
   where consumer = $1 and shard = 0 and generation > (select min(generation) from event_log.checkpoints where consumer = $1 and shard = 0)),
  coalesce((select position from event_log.events order by position desc limit 1), 0),
  exists (
    select from pg_locks
    where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
      and classid::bigint = hashtext('event_log.rebuild')::bigint & 4294967295 and objid::bigint = hashtext($1)::bigint & 4294967295
  )
