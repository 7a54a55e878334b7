-- name: sizes
-- The history's partitions with their size in bytes, newest first.
select c.relname as name, pg_total_relation_size(c.oid) as bytes
from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
where i.inhparent = 'supervisor_heartbeat.heartbeats'::regclass
order by c.relname desc

-- name: forget
-- Deletes the latest heartbeats older than $1 (the history has dropped them too) of senders that ended, and of
-- agents that never joined. Rows of live senders and interrupted supervisors stay: those may send heartbeats again.
delete from supervisor_heartbeat.latest where sender in (
    select l.sender from supervisor_heartbeat.latest as l
    left join supervisor_heartbeat.senders as s on s.tenant = $2 and s.stream = l.sender
    where l.received_at < $1
      and (
        s.told is null or s.told ->> 'state' in ('completed', 'failed') or s.told ->> 'connected' = 'false'
        or s.told ->> 'status' in ('offline', 'dead', 'dead_failed_revive')
      )
    for update of l skip locked
)
