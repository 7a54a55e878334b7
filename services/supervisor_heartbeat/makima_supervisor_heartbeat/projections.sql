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
select tenant, contract_id, owner_id, daemon_id from assignments
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_assignments
-- New contracts, and those that went to a daemon.
insert into assignments (tenant, contract_id, owner_id, daemon_id)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[])
on conflict (tenant, contract_id) do update set daemon_id = excluded.daemon_id

-- name: forget_assignments
-- Deleted contracts.
delete from assignments where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))
