-- name: forget_old
-- Batches are kept for 30 days, as long as command ids are.
delete from gateway.batches where begun_at < now() - interval '30 days'

-- name: begin
-- The batch with this command id, inserted now or before.
with made as (
  insert into gateway.batches (tenant, command_id, request_hash, operation, actor) values ($1, $2, $3, $4, $5)
  on conflict do nothing returning request_hash, finished_at, position
)
select * from made union all select request_hash, finished_at, position from gateway.batches where tenant = $1 and command_id = $2 limit 1

-- name: lease
-- Take the lease for $3 seconds. No row: another process has the lease, or the batch is finished.
update gateway.batches set leased_until = now() + make_interval(secs => $3)
where tenant = $1 and command_id = $2 and finished_at is null and leased_until <= now()
returning reached

-- name: finished
select finished_at is not null from gateway.batches where tenant = $1 and command_id = $2

-- name: candidates
-- The next selected contracts, newest first, those created before position $5.
select id, supervisor_task_id, created_position from gateway.contracts
where tenant = $1 and status = any ($2) and ($3::interval is null or status_changed_at <= clock_timestamp() - $3)
  and (not $4::boolean or stale)
  and ($5::bigint is null or created_position < $5)
order by created_position desc limit $6

-- name: plan
-- Record contracts before their commands are sent, and renew the lease.
with reached as (
  update gateway.batches set reached = $5, leased_until = now() + make_interval(secs => $6) where tenant = $1 and command_id = $2
)
insert into gateway.batch_items (tenant, command_id, contract_id, target) select $1, $2, * from unnest($3::text[], $4::text[])
on conflict do nothing

-- name: planned
-- Recorded contracts without an outcome.
select contract_id, target from gateway.batch_items where tenant = $1 and command_id = $2 and outcome is null order by number limit $3

-- name: record
-- Record outcomes (affected, unchanged, or the error code of a refusal), and renew the lease.
with reached as (
  update gateway.batches set position = greatest(position, $6), leased_until = now() + make_interval(secs => $7)
  where tenant = $1 and command_id = $2
)
update gateway.batch_items as item set outcome = came.outcome, detail = came.detail
from unnest($3::text[], $4::text[], $5::text[]) as came (contract_id, outcome, detail)
where item.tenant = $1 and item.command_id = $2 and item.contract_id = came.contract_id

-- name: finish
update gateway.batches set finished_at = now() where tenant = $1 and command_id = $2

-- name: release
-- Give the lease back, so that the next request can take it at once.
update gateway.batches set leased_until = '-infinity' where tenant = $1 and command_id = $2

-- name: position
select position from gateway.batches where tenant = $1 and command_id = $2

-- name: outcomes
select contract_id, outcome, detail from gateway.batch_items where tenant = $1 and command_id = $2 and outcome <> 'unchanged' order by number
