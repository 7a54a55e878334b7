-- name: sizes
-- The partitions of the history with their bytes, newest first.
select c.relname as name, pg_total_relation_size(c.oid) as bytes
from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
where i.inhparent = 'supervisor_heartbeat.heartbeats'::regclass
order by c.relname desc
