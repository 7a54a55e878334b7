-- name: forget
-- Contracts that were started, or ended before they were.
delete from unstarted where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: remember
-- New contracts. A supervisor may have spoken before there was one: then the start is owed already.
insert into unstarted (tenant, contract_id, supervised_at, traceparent)
select n.tenant, n.contract_id, case when s.task_id is null then null else n.position end, s.traceparent
from unnest($1::text[], $2::text[], $3::bigint[]) as n (tenant, contract_id, position)
left join lateral (
  select task_id, traceparent from supervisors as s
  where s.tenant = n.tenant and s.contract_id = n.contract_id and s.heard_at is not null limit 1
) as s on true
on conflict do nothing;

-- name: supervise
-- Supervisors that were heard; only an unstarted contract has a row that could change.
update unstarted as u set supervised_at = s.position, traceparent = s.traceparent
from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) as s (tenant, contract_id, position, traceparent)
where u.tenant = s.tenant and u.contract_id = s.contract_id;

-- name: resume
-- Contracts that were paused before their start, and are no more: beside a supervisor that lives, the start is owed again.
update unstarted as u set supervised_at = r.position
from unnest($1::text[], $2::text[], $3::bigint[]) as r (tenant, contract_id, position)
where u.tenant = r.tenant and u.contract_id = r.contract_id
  and exists (select from supervisors as s where s.tenant = u.tenant and s.contract_id = u.contract_id and s.heard_at is not null);

-- name: register
-- New supervisors: their contracts are to be told of their tasks.
insert into supervisors (tenant, contract_id, task_id, heard_at, owed_at, traceparent)
select tenant, contract_id, task_id, position, position, traceparent
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[]) as s (tenant, contract_id, task_id, position, traceparent)
on conflict do nothing;

-- name: hear
-- Supervisors that were silent, and are not any more. The others' rows stay as they are: this is asked at every change of a state.
update supervisors as s set heard_at = h.position
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) as h (tenant, contract_id, task_id, position)
where s.tenant = h.tenant and s.contract_id = h.contract_id and s.task_id = h.task_id and s.heard_at is null;

-- name: miss
-- Supervisors that fell silent.
update supervisors set heard_at = null where (tenant, contract_id, task_id) in (select * from unnest($1::text[], $2::text[], $3::text[]));

-- name: owe_tasks
-- The contracts of these supervisors exist now.
update supervisors as s set owed_at = n.position
from unnest($1::text[], $2::text[], $3::bigint[]) as n (tenant, contract_id, position)
where s.tenant = n.tenant and s.contract_id = n.contract_id;

-- name: forget_supervisors
-- Of deleted contracts.
delete from supervisors where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));
