-- name: unstarted_touched
-- The rows of a batch's contracts that are not started. Locked, because the starter of any replica may set
-- `supervised_at` to null at the same time.
select u.tenant, u.contract_id, u.supervised_at, u.traceparent
from unstarted as u join unnest($1::text[], $2::text[]) as t (tenant, contract_id) using (tenant, contract_id)
for update of u;

-- name: supervisors_touched
-- The supervisors that a batch is about, also of contracts that do not exist yet. Locked for the same reason
-- (`owed_at`).
select s.tenant, s.contract_id, s.task_id, s.heard_at, s.owed_at, s.traceparent, s.daemon_id, s.task_status
from supervisors as s join unnest($1::text[], $2::text[], $3::text[]) as t (tenant, contract_id, task_id)
    using (tenant, contract_id, task_id)
for update of s;

-- name: supervisors_of_contracts
-- All supervisors of the contracts whose events concern every one of them. Locked for the same reason.
select s.tenant, s.contract_id, s.task_id, s.heard_at, s.owed_at, s.traceparent, s.daemon_id, s.task_status
from supervisors as s join unnest($1::text[], $2::text[]) as t (tenant, contract_id) using (tenant, contract_id)
for update of s;

-- name: forget
-- Contracts that were started, or ended without a start.
delete from unstarted where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: forget_supervisors
-- The supervisors of deleted contracts.
delete from supervisors where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store_unstarted
-- Contracts that are not started and whose row is new or changed.
insert into unstarted (tenant, contract_id, supervised_at, traceparent)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
on conflict (tenant, contract_id) do update set supervised_at = excluded.supervised_at, traceparent = excluded.traceparent;

-- name: store_supervisors
-- Supervisors whose row is new or changed.
insert into supervisors (tenant, contract_id, task_id, heard_at, owed_at, traceparent, daemon_id, task_status)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], $8::text[])
on conflict (tenant, contract_id, task_id) do update set
  heard_at = excluded.heard_at, owed_at = excluded.owed_at, traceparent = excluded.traceparent,
  daemon_id = excluded.daemon_id, task_status = excluded.task_status;

-- name: assignments_touched
-- Who owns and who runs a batch's contracts.
select a.tenant, a.contract_id, a.owner_id, a.daemon_id
from assignments as a join unnest($1::text[], $2::text[]) as t (tenant, contract_id) using (tenant, contract_id);

-- name: admissions_of
-- Which owner these daemons serve.
select a.tenant, a.daemon_id, a.owner_id
from admissions as a join unnest($1::text[], $2::text[]) as t (tenant, daemon_id) using (tenant, daemon_id);

-- name: forget_assignments
-- The assignments of deleted contracts.
delete from assignments where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store_assignments
-- New contracts, and those that went to a daemon.
insert into assignments (tenant, contract_id, owner_id, daemon_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (tenant, contract_id) do update set daemon_id = excluded.daemon_id;

-- name: store_admissions
-- Daemons for which a token was made.
insert into admissions (tenant, daemon_id, owner_id)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict (tenant, daemon_id) do update set owner_id = excluded.owner_id;

-- name: store_connections
-- Connections under which agents joined; those that had joined before are not returned.
insert into agent_connections (tenant, contract_id, connection_id, role)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (tenant, contract_id, connection_id) do nothing
returning tenant, contract_id, connection_id;

-- name: store_returns
-- Tasks that are to be returned because of an agent's event.
insert into task_returns (tenant, contract_id, role, agent_version, reason, except_connection_id, owed_at, traceparent)
select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], $8::text[])
on conflict (tenant, contract_id, role, agent_version) do nothing;

-- name: forget_connections
-- The agents of deleted contracts.
delete from agent_connections where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: forget_returns
-- Deleted contracts have no tasks to return.
delete from task_returns where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));
