-- name: states
-- The folded state of every supervisor, agent and daemon; supervisors last: daemons say whom they serve.
select stream, told from supervisor_heartbeat.senders where tenant = $1 order by starts_with(stream, 'supervisor-')

-- name: latest
-- The newest recorded heartbeat of every sender, if it is of the current incarnation of the stream ($1).
select sender, sequence, received_at, contract_id, daemon_id, connection_id, state, phase, activity, progress, detail,
       case when seq_of = sequence then seq end as seq, case when progress_of = sequence then progress_ns end as progress_ns,
       case when progress_of = sequence then judged_ns end as judged_ns
from supervisor_heartbeat.latest where stream_epoch = $1

-- name: assignments
-- The owner and the daemon of every contract, what was handed out to its supervisor, whether it waits, its last progress in the log, and its
-- last end of waiting.
select contract_id, owner_id, daemon_id, connection_id, task_id, waits, moved_at, asked_from from supervisor_heartbeat.assignments where tenant = $1

-- name: held
-- The tasks that are claimed or running, with the role that holds each.
select contract_id, task_id, role from supervisor_heartbeat.held_tasks where tenant = $1
