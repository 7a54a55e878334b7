-- name: touched
-- The snapshots that a batch folds further.
select tenant, contract_id, snapshot::text from contracts
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store
-- Every contract of a batch, once.
insert into contracts (tenant, contract_id, version, snapshot)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[])
on conflict (tenant, contract_id) do update set version = excluded.version, snapshot = excluded.snapshot;

-- name: forget_contracts
-- Deleted contracts.
delete from contracts where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: forget_daemons
-- Whoever ran the deleted ones.
delete from daemons where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: forget_todo
-- Nothing is owed to a contract at which nobody works.
delete from todo where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store_daemons
-- Which daemon has run which contract.
insert into daemons (tenant, contract_id, daemon_id)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict do nothing;

-- name: look_again
-- These contracts want a look, now.
insert into todo (tenant, contract_id, position, traceparent)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
on conflict (tenant, contract_id) do update set
  position = excluded.position, traceparent = excluded.traceparent, due_at = now();
