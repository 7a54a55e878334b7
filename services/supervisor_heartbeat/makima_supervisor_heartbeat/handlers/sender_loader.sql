-- name: states
-- The folded state of every supervisor, agent and daemon; supervisors last: daemons say whom they serve.
select stream, told from supervisor_heartbeat.senders where tenant = $1 order by starts_with(stream, 'supervisor-')

-- name: latest
-- The newest recorded heartbeat of every sender, if it is of the current incarnation of the stream ($1).
select sender, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail,
       case when seq_of = sequence then seq end as seq
from supervisor_heartbeat.latest where stream_epoch = $1

-- name: assignments
-- The owner and the daemon of every contract, and what was handed out to its supervisor.
select contract_id, owner_id, daemon_id, connection_id, task_id from supervisor_heartbeat.assignments where tenant = $1
