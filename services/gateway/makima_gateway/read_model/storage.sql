-- name: contracts_touched
-- The contracts that a batch changes.
select contracts.* from contracts join unnest($1::text[], $2::text[]) as wanted (tenant, id) using (tenant, id);

-- name: tasks_touched
-- The tasks whose status a batch changes.
select tasks.* from tasks join unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, contract_id, id) using (tenant, contract_id, id);

-- name: questions_touched
-- The questions that a batch answers.
select questions.* from questions
join unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, contract_id, id) using (tenant, contract_id, id);

-- name: supervisors_touched
-- The supervisors that a batch changes.
select supervisors.* from supervisors join unnest($1::text[], $2::text[]) as wanted (tenant, task_id) using (tenant, task_id);

-- name: supervisors_of_contracts
-- The supervisors of contracts that a batch creates, assigns, ends or reopens.
select supervisors.* from supervisors
join unnest($1::text[], $2::text[]) as wanted (tenant, contract_id) using (tenant, contract_id);

-- name: agents_touched
-- The agents that a batch changes.
select agents.* from agents
join unnest($1::text[], $2::text[], $3::text[]) as wanted (tenant, contract_id, role) using (tenant, contract_id, role);

-- name: agents_of_contracts
-- All agents of the contracts that a batch archives.
select agents.* from agents
join unnest($1::text[], $2::text[]) as wanted (tenant, contract_id) using (tenant, contract_id);

-- name: daemons_touched
-- The daemons that a batch changes.
select daemons.* from daemons join unnest($1::text[], $2::text[]) as wanted (tenant, id) using (tenant, id);

-- name: store_contracts
-- Each contract of a batch once. Columns that never change are set by the insert only.
insert into contracts select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::json[], $10::json[], $11::bigint[],
  $12::boolean[], $13::boolean[], $14::bigint[], $15::integer[], $16::integer[], $17::integer[], $18::integer[], $19::integer[],
  $20::integer[], $21::text[], $22::boolean[], $23::text[], $24::text[], $25::boolean[], $26::text[], $27::boolean[], $28::timestamptz[],
  $29::timestamptz[], $30::timestamptz[], $31::timestamptz[], $32::timestamptz[], $33::bigint[], $34::text[], $35::boolean[], $36::text[],
  $37::text[], $38::text[], $39::text[]
)
on conflict (tenant, id) do update set
  status = excluded.status, phase = excluded.phase, deliverables = excluded.deliverables, version = excluded.version,
  phase_guard = excluded.phase_guard, auto_complete_enabled = excluded.auto_complete_enabled,
  tasks_total = excluded.tasks_total, tasks_pending = excluded.tasks_pending, tasks_claimed = excluded.tasks_claimed,
  tasks_running = excluded.tasks_running, tasks_completed = excluded.tasks_completed, tasks_failed = excluded.tasks_failed,
  waiting_for = excluded.waiting_for, validated = excluded.validated,
  blocked_reason = excluded.blocked_reason, failure_reason = excluded.failure_reason, stale = excluded.stale,
  supervisor_task_id = excluded.supervisor_task_id, supervisor_alive = excluded.supervisor_alive,
  updated_at = excluded.updated_at, status_changed_at = excluded.status_changed_at, last_activity_at = excluded.last_activity_at,
  completion_detected_at = excluded.completion_detected_at, validation_reason = excluded.validation_reason,
  ever_active = excluded.ever_active, daemon_id = excluded.daemon_id, restoring_task_id = excluded.restoring_task_id,
  restoring_daemon_id = excluded.restoring_daemon_id, restoring_connection_id = excluded.restoring_connection_id;

-- name: store_tasks
-- Each task of a batch once.
insert into tasks select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[],
  $12::timestamptz[], $13::timestamptz[], $14::bigint[], $15::text[]
)
on conflict (tenant, contract_id, id) do update set
  role = excluded.role, status = excluded.status, connection_id = excluded.connection_id, result = excluded.result,
  updated_at = excluded.updated_at;

-- name: store_questions
-- Each question of a batch once.
insert into questions select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::json[], $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[],
  $11::bigint[]
)
on conflict (tenant, contract_id, id) do update set
  status = excluded.status, answer = excluded.answer, answered_at = excluded.answered_at;

-- name: store_supervisors
-- Each supervisor of a batch once.
insert into supervisors select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::timestamptz[], $10::timestamptz[],
  $11::json[], $12::boolean[], $13::timestamptz[], $14::json[]
)
on conflict (tenant, task_id) do update set
  contract_id = excluded.contract_id, daemon_id = excluded.daemon_id, connection_id = excluded.connection_id, state = excluded.state,
  phase = excluded.phase, alive = excluded.alive, changed_at = excluded.changed_at, evidence = excluded.evidence,
  restart_requested = excluded.restart_requested, progress_at = excluded.progress_at, stuck_proof = excluded.stuck_proof;

-- name: store_agents
-- Each agent of a batch once.
insert into agents select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
  $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::json[], $16::boolean[], $17::boolean[], $18::timestamptz[],
  $19::json[], $20::json[], $21::json[]
)
on conflict (tenant, contract_id, role) do update set
  agent_status = excluded.agent_status, connection_id = excluded.connection_id, daemon_id = excluded.daemon_id, since = excluded.since,
  joined_at = excluded.joined_at, version = excluded.version, position = excluded.position, event = excluded.event,
  trigger = excluded.trigger, reason = excluded.reason, evidence = excluded.evidence, hidden = excluded.hidden, stuck = excluded.stuck,
  progress_at = excluded.progress_at, fenced = excluded.fenced, stuck_proof = excluded.stuck_proof, restarts = excluded.restarts;

-- name: store_daemons
-- Each daemon of a batch once.
insert into daemons select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::boolean[], $5::timestamptz[], $6::timestamptz[], $7::json[], $8::boolean[], $9::text[]
)
on conflict (tenant, id) do update set
  hostname = excluded.hostname, connected = excluded.connected, changed_at = excluded.changed_at, evidence = excluded.evidence,
  admitted = excluded.admitted, owner_id = excluded.owner_id;

-- name: store_messages
-- Insert only: messages never change.
insert into messages select * from unnest(
  $1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::timestamptz[]
);

-- name: forget_contracts
-- Deleted contracts; the following statements delete their rows in the other tables.
delete from contracts using unnest($1::text[], $2::text[]) as gone (tenant, id) where contracts.tenant = gone.tenant and contracts.id = gone.id;

-- name: forget_tasks
delete from tasks using unnest($1::text[], $2::text[]) as gone (tenant, id) where tasks.tenant = gone.tenant and tasks.contract_id = gone.id;

-- name: forget_questions
delete from questions using unnest($1::text[], $2::text[]) as gone (tenant, id)
where questions.tenant = gone.tenant and questions.contract_id = gone.id;

-- name: forget_messages
delete from messages using unnest($1::text[], $2::text[]) as gone (tenant, id)
where messages.tenant = gone.tenant and messages.contract_id = gone.id;

-- name: forget_supervisors
delete from supervisors using unnest($1::text[], $2::text[]) as gone (tenant, id)
where supervisors.tenant = gone.tenant and supervisors.contract_id = gone.id;

-- name: forget_agents
delete from agents using unnest($1::text[], $2::text[]) as gone (tenant, id)
where agents.tenant = gone.tenant and agents.contract_id = gone.id
returning agents.*;

-- name: add_to_tallies
-- Add a batch's changes to the counts.
insert into tallies select * from unnest(
  $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[]
)
on conflict (tenant, owner_id, status, phase) do update set
  contracts = tallies.contracts + excluded.contracts, stale = tallies.stale + excluded.stale,
  supervised = tallies.supervised + excluded.supervised, tasks_running = tallies.tasks_running + excluded.tasks_running,
  tasks_pending = tallies.tasks_pending + excluded.tasks_pending;

-- name: forget_empty_tallies
-- Delete rows that count no contract, so that the table does not depend on how the log was cut into batches.
delete from tallies using unnest($1::text[], $2::text[], $3::text[], $4::text[]) as touched (tenant, owner_id, status, phase)
where tallies.tenant = touched.tenant and tallies.owner_id = touched.owner_id and tallies.status = touched.status
  and tallies.phase = touched.phase and tallies.contracts = 0;

-- name: add_to_agent_counts
-- Add a batch's changes to the counts of agents.
insert into agent_counts select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
on conflict (tenant, owner_id, agent_status, stuck) do update set agents = agent_counts.agents + excluded.agents;

-- name: forget_empty_agent_counts
-- Delete rows that count no agent, as of contracts.
delete from agent_counts using unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) as touched (tenant, owner_id, agent_status, stuck)
where agent_counts.tenant = touched.tenant and agent_counts.owner_id = touched.owner_id and agent_counts.agent_status = touched.agent_status
  and agent_counts.stuck = touched.stuck and agent_counts.agents = 0;
