-- name: forget
-- Contracts that were started, or ended before they were.
delete from unstarted where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: remember
-- New contracts.
insert into unstarted (tenant, contract_id) select * from unnest($1::text[], $2::text[]) on conflict do nothing;

-- name: supervise
-- Supervisors that were heard; only an unstarted contract has a row that could change.
update unstarted as u set supervised_at = s.position, traceparent = s.traceparent
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as s (tenant, contract_id, position, traceparent)
where u.tenant = s.tenant and u.contract_id = s.contract_id;
