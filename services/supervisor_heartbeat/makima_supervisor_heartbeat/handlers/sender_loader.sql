-- name: states
-- The folded state of every supervisor and daemon.
select stream, told from supervisor_heartbeat.senders where tenant = $1

-- name: latest
-- The newest recorded heartbeat of every sender, if it is of the current incarnation of the stream ($1).
select sender, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail
from supervisor_heartbeat.latest where stream_epoch = $1
