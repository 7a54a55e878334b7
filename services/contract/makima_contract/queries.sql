-- name: runs
-- Whether the supervisor that spoke last of the contract is this daemon's.
select exists (select from contract.supervisors where tenant = $1 and contract_id = $2 and daemon_id = $3 and drives);

-- name: owed
-- Contracts to start, the longest waiting first.
select tenant, contract_id, supervised_at, traceparent from contract.unstarted
where supervised_at is not null order by supervised_at limit $1;

-- name: asked
-- The start was asked for; the next sign of life of its supervisor, or a resume, asks again.
update contract.unstarted set supervised_at = null where tenant = $1 and contract_id = $2 and supervised_at = $3;

-- name: unregistered
-- Supervisors whose contract is to be told of their task, the longest waiting first.
select tenant, contract_id, task_id, owed_at, traceparent from contract.supervisors
where owed_at is not null order by owed_at limit $1;

-- name: told
-- The contract was told, or there is none; the creation of one tells it again.
update contract.supervisors set owed_at = null where tenant = $1 and contract_id = $2 and task_id = $3 and owed_at = $4;
