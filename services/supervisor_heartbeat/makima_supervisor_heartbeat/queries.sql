-- name: watermark
-- The time up to which every shard is recorded.
select min(observed_at) from supervisor_heartbeat.watermarks

-- name: newest
-- The newest recorded heartbeat of each given sender.
select sender, stream_epoch, sequence, received_at from supervisor_heartbeat.latest where sender = any($1)

-- name: status
-- The contract's supervisor with the newest heartbeat, and its state in the log.
select l.sender, l.contract_id, l.daemon_id, l.connection_id, l.state, l.phase, l.activity, l.progress, l.received_at, l.detail,
       s.told ->> 'state' as logged_state
from supervisor_heartbeat.latest l
left join supervisor_heartbeat.senders s on s.tenant = $2 and s.stream = l.sender
where l.contract_id = $1 and starts_with(l.sender, 'supervisor-')
order by l.received_at desc limit 1

-- name: senders_of_contract
-- The supervisors of a contract.
select sender from supervisor_heartbeat.latest where contract_id = $1 and starts_with(sender, 'supervisor-')

-- name: heartbeats
-- The recorded heartbeats of the given senders, newest first; partitions are read newest first, only until $2
-- rows are found.
select sender, received_at, sequence, connection_id, state, phase, activity, progress, detail
from supervisor_heartbeat.heartbeats
where hashtext(sender) = any($3) and sender = any($1)
order by received_at desc, sequence desc limit $2

-- name: hash
-- The hashes of the given senders, as used by the history's index.
select array(select hashtext(sender) from unnest($1::text[]) as given (sender))

-- name: daemon_of
-- A supervisor's contract, daemon and connection (incarnation), whether that daemon is connected, its state and the
-- contract's status, as folded from the log.
select s.told ->> 'contract_id' as contract_id, s.told ->> 'daemon_id' as daemon_id, s.told ->> 'connection_id' as connection_id,
       coalesce((d.told ->> 'connected')::boolean and d.told ->> 'hostname' <> '', false) as connected,
       s.told ->> 'state' as state, c.status as contract
from supervisor_heartbeat.senders s
left join supervisor_heartbeat.senders d on d.tenant = s.tenant and d.stream = 'daemon-' || (s.told ->> 'daemon_id')
left join supervisor_heartbeat.drives c on c.tenant = s.tenant and c.contract_id = s.told ->> 'contract_id'
where s.tenant = $1 and s.stream = $2

-- name: newest_of_connections
-- The newest recorded heartbeat of each given sender, if it is of the connection given with it.
select l.sender, l.stream_epoch, l.sequence, l.received_at
from unnest($1::text[], $2::text[]) as given (sender, connection_id)
join supervisor_heartbeat.latest l on l.sender = given.sender and l.connection_id = given.connection_id

-- name: holds
-- True if the contract is this daemon's.
select exists (
  select from supervisor_heartbeat.assignments where tenant = $1 and contract_id = $2 and daemon_id = $3
)

-- name: agent_facts
-- What bears on an agent ($3: its role) of a contract that exists: its state, the daemon that would restart it, whether its role holds tasks,
-- whether a connection ($4) ever joined, and the contract's status.
with known as (
  select a.tenant, a.contract_id, c.status as contract, s.told ->> 'status' as status, s.told ->> 'connection_id' as connection_id,
         coalesce(s.told ->> 'daemon_id', a.daemon_id) as daemon_id
  from supervisor_heartbeat.assignments a
  left join supervisor_heartbeat.drives c on c.tenant = a.tenant and c.contract_id = a.contract_id
  left join supervisor_heartbeat.senders s on s.tenant = a.tenant and s.stream = 'agent-' || a.contract_id || ':' || $3
  where a.tenant = $1 and a.contract_id = $2
)
select k.status, k.connection_id, k.daemon_id,
       coalesce((d.told ->> 'connected')::boolean and d.told ->> 'hostname' <> '', false) as daemon_connected,
       exists (
         select from supervisor_heartbeat.held_tasks h where h.tenant = $1 and h.contract_id = $2 and h.role = $3
       ) as holds_tasks,
       exists (
         select from supervisor_heartbeat.agent_connections c
         where c.tenant = $1 and c.contract_id = $2 and c.role = $3 and c.connection_id = $4
       ) as joined_before,
       k.contract
from known k
left join supervisor_heartbeat.senders d on d.tenant = k.tenant and d.stream = 'daemon-' || k.daemon_id

-- name: agents_of
-- How many agents the contract has.
select count(*) from supervisor_heartbeat.senders
where tenant = $1 and starts_with(stream, 'agent-') and split_part(substr(stream, 7), ':', 1) = $2

-- name: follow_ups
-- Agents whose status does not follow their tasks, the oldest first.
select tenant, contract_id, role, holds_tasks, owed_at from supervisor_heartbeat.follow_ups order by owed_at limit $1

-- name: mark_followed
-- FollowTasks was answered. A later event has another position, and is not lost.
delete from supervisor_heartbeat.follow_ups where tenant = $1 and contract_id = $2 and role = $3 and owed_at = $4

-- name: is_recorded
-- True if a heartbeat of this supervisor ($1: its stream) of this contract is recorded.
select exists (select from supervisor_heartbeat.latest where sender = $1 and contract_id = $2)

-- name: room
-- The bytes of saved state that a contract has, and all contracts of its owner together.
select coalesce(own.bytes, 0)::bigint, coalesce((
  select sum(s.bytes) from supervisor_heartbeat.assignments o
  join supervisor_heartbeat.saved_state s on s.tenant = o.tenant and s.contract_id = o.contract_id
  where o.tenant = a.tenant and o.owner_id = a.owner_id
), 0)::bigint
from supervisor_heartbeat.assignments a
left join supervisor_heartbeat.saved_state own on own.tenant = a.tenant and own.contract_id = a.contract_id
where a.tenant = $1 and a.contract_id = $2

-- name: restoration_facts
-- What bears on a restoration of a supervisor ($3: its stream) of a contract that exists, for a daemon ($4). A daemon is disconnected
-- by a verdict alone. $5: the states in which a supervisor is not alive.
select a.owner_id, a.daemon_id as holder, coalesce(h.told ->> 'evidence' is not null, false) as holder_disconnected,
       coalesce(d.told ->> 'admission' is not null, false) as admitted, d.told -> 'admission' ->> 'owner' as serves,
       exists (
         select from supervisor_heartbeat.latest l
         join supervisor_heartbeat.senders o on o.tenant = a.tenant and o.stream = l.sender
         where l.contract_id = a.contract_id and l.sender <> $3 and starts_with(l.sender, 'supervisor-')
           and o.told ->> 'daemon_id' = a.daemon_id and o.told ->> 'state' is not null and o.told ->> 'state' <> all ($5::text[])
       ) as others_alive
from supervisor_heartbeat.assignments a
left join supervisor_heartbeat.senders h on h.tenant = a.tenant and h.stream = 'daemon-' || a.daemon_id
left join supervisor_heartbeat.senders d on d.tenant = a.tenant and d.stream = 'daemon-' || $4::text
where a.tenant = $1 and a.contract_id = $2

-- name: restored
-- Contracts that are to be assigned after a restoration, the oldest first.
select tenant, contract_id, task_id, daemon_id, connection_id, proved_at from supervisor_heartbeat.restored order by proved_at limit $1

-- name: mark_assigned
-- AssignContract was answered. A later proof has another position, and is not lost.
delete from supervisor_heartbeat.restored where tenant = $1 and contract_id = $2 and proved_at = $3
