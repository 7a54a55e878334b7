-- name: runs
-- True if this daemon runs the supervisor that drives the contract (the one heard last).
select exists (select from contract.supervisors where tenant = $1 and contract_id = $2 and daemon_id = $3 and drives);

-- name: pending_starts
-- Contracts whose start is pending, the oldest first.
select tenant, contract_id, supervised_at, traceparent from contract.unstarted
where supervised_at is not null order by supervised_at limit $1;

-- name: mark_started
-- StartContract was answered. The supervisor's next event, or a resume, makes the start pending again.
-- The position is compared so that an event that was recorded meanwhile is not lost.
update contract.unstarted set supervised_at = null where tenant = $1 and contract_id = $2 and supervised_at = $3;

-- name: unregistered
-- Supervisors whose task is to be created in their contract, the oldest first.
select tenant, contract_id, task_id, owed_at, traceparent from contract.supervisors
where owed_at is not null order by owed_at limit $1;

-- name: mark_registered
-- CreateTask was answered, perhaps refused as there is no contract. Its creation makes the task pending
-- again.
update contract.supervisors set owed_at = null where tenant = $1 and contract_id = $2 and task_id = $3 and owed_at = $4;
