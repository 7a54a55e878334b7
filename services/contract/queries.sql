-- name: owed
-- Contracts to start, the longest waiting first.
select tenant, contract_id, supervised_at, traceparent from contract.unstarted
where supervised_at is not null order by supervised_at limit $1;

-- name: asked
-- The start was asked for; the next sign of life of its supervisor asks again.
update contract.unstarted set supervised_at = null where tenant = $1 and contract_id = $2 and supervised_at = $3;
