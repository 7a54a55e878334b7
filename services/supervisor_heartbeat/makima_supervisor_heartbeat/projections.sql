-- name: touched
-- The rows of the senders that a batch of events is about.
select tenant, stream, told from senders where (tenant, stream) in (select * from unnest($1::text[], $2::text[]))

-- name: store
-- Upserts each sender of a batch once.
insert into senders (tenant, stream, told)
select * from unnest($1::text[], $2::text[], $3::json[])
on conflict (tenant, stream) do update set told = excluded.told

-- name: assignments_touched
-- The rows of the contracts that a batch of events is about.
select tenant, contract_id, owner_id, daemon_id, connection_id, task_id, waits, moved_at, asked_from from assignments
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_assignments
-- New contracts, and those that went to a daemon, wait, wait no more, or in which somebody got on.
insert into assignments (tenant, contract_id, owner_id, daemon_id, connection_id, task_id, waits, moved_at, asked_from)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::timestamptz[], $9::timestamptz[])
on conflict (tenant, contract_id) do update set
    daemon_id = excluded.daemon_id, connection_id = excluded.connection_id, task_id = excluded.task_id,
    waits = excluded.waits, moved_at = excluded.moved_at, asked_from = excluded.asked_from

-- name: forget_assignments
-- Deleted contracts.
delete from assignments where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: held_touched
-- The held tasks of the contracts that a batch of events is about.
select tenant, contract_id, task_id, role from held_tasks
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_held
-- Tasks that were claimed.
insert into held_tasks (tenant, contract_id, task_id, role)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (tenant, contract_id, task_id) do update set role = excluded.role

-- name: forget_held
-- Tasks that were completed or released, or whose contract was deleted.
delete from held_tasks where (tenant, contract_id, task_id) in (select * from unnest($1::text[], $2::text[], $3::text[]))

-- name: store_follow_ups
-- Agents whose status does not follow their tasks.
insert into follow_ups (tenant, contract_id, role, holds_tasks, owed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
on conflict (tenant, contract_id, role) do update set holds_tasks = excluded.holds_tasks, owed_at = excluded.owed_at

-- name: forget_follow_ups
-- Agents whose status follows their tasks again.
delete from follow_ups where (tenant, contract_id, role) in (select * from unnest($1::text[], $2::text[], $3::text[]))

-- name: store_connections
-- Connections that joined; one that returns is there already.
insert into agent_connections (tenant, contract_id, role, connection_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict do nothing
