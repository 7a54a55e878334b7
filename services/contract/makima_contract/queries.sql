-- name: runs
-- True if the contract is this daemon's.
select exists (select from contract.assignments where tenant = $1 and contract_id = $2 and daemon_id = $3);

-- name: pending_starts
-- Contracts whose start is pending, the oldest first.
select tenant, contract_id, supervised_at, traceparent from contract.unstarted
where supervised_at is not null order by supervised_at limit $1;

-- name: mark_started
-- StartContract was answered. The supervisor's next event, or a resume, makes the start pending again.
-- The position is compared so that an event that was recorded meanwhile is not lost.
update contract.unstarted set supervised_at = null where tenant = $1 and contract_id = $2 and supervised_at = $3;

-- name: unregistered
-- Supervisors whose task is to be created in their contract, or to follow them, the oldest first; with their daemon, if the contract
-- may go to it: the supervisor is alive, the daemon serves the owner, and no other daemon has the contract.
select s.tenant, s.contract_id, s.task_id, s.owed_at, s.traceparent,
  case when s.heard_at is not null and (d.tenant is null or d.owner_id is null or d.owner_id = a.owner_id)
    and coalesce(a.daemon_id = s.daemon_id, true) then s.daemon_id end as daemon_id,
  coalesce(s.task_status, 'running') as task_status
from contract.supervisors as s
left join contract.assignments as a using (tenant, contract_id)
left join contract.admissions as d on d.tenant = s.tenant and d.daemon_id = s.daemon_id
where s.owed_at is not null order by s.owed_at limit $1;

-- name: mark_registered
-- CreateTask was answered, perhaps refused as there is no contract. Its creation makes the task pending
-- again.
update contract.supervisors set owed_at = null where tenant = $1 and contract_id = $2 and task_id = $3 and owed_at = $4;

-- name: role_of
-- The role under which this connection joined the contract.
select role from contract.agent_connections where tenant = $1 and contract_id = $2 and connection_id = $3;

-- name: pending_returns
-- Tasks that are to be returned, the oldest first.
select tenant, contract_id, role, agent_version, reason, except_connection_id, traceparent
from contract.task_returns order by owed_at limit $1;

-- name: mark_returned
-- ReturnTasks was answered. A rebuild owes it again: with the same command id, and it finds nothing to return.
delete from contract.task_returns where tenant = $1 and contract_id = $2 and role = $3 and agent_version = $4;

-- name: daemon_of
-- The daemon that the contract is assigned to, or that was heard first.
select daemon_id from contract.assignments where tenant = $1 and contract_id = $2;
