-- name: states
-- The folded state of every supervisor and daemon.
select stream, told from supervisor_heartbeat.senders where tenant = $1

-- name: latest
-- The newest recorded heartbeat of every sender, of this incarnation of the stream.
select sender, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail
from supervisor_heartbeat.latest where stream_epoch = $1
