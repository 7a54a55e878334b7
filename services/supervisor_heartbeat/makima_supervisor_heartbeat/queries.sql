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
-- A supervisor's contract, daemon and connection (incarnation), and whether that daemon is connected, as
-- folded from the log.
select s.told ->> 'contract_id' as contract_id, s.told ->> 'daemon_id' as daemon_id, s.told ->> 'connection_id' as connection_id,
       coalesce((d.told ->> 'connected')::boolean and d.told ->> 'hostname' <> '', false) as connected
from supervisor_heartbeat.senders s
left join supervisor_heartbeat.senders d on d.tenant = s.tenant and d.stream = 'daemon-' || (s.told ->> 'daemon_id')
where s.tenant = $1 and s.stream = $2
