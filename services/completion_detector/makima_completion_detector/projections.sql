-- name: touched
-- The snapshots of the contracts in a batch, before its events.
select tenant, contract_id, snapshot::text from contracts
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store
-- Writes the snapshots of the contracts in a batch, each once.
insert into contracts (tenant, contract_id, version, snapshot)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[])
on conflict (tenant, contract_id) do update set version = excluded.version, snapshot = excluded.snapshot;

-- name: forget_contracts
-- Removes the snapshots of deleted contracts. Which daemons ran them is kept: they may hold worktrees of them.
delete from contracts where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: forget_todo
-- Removes the to-do rows of contracts that are not active.
delete from todo where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store_daemons
-- Adds which daemons have run, or were given, which contracts.
insert into daemons (tenant, contract_id, daemon_id)
select * from unnest($1::text[], $2::text[], $3::text[])
on conflict do nothing;

-- name: look_again
-- Makes an evaluation of these contracts due now.
insert into todo (tenant, contract_id, position, traceparent)
select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
on conflict (tenant, contract_id) do update set
  position = excluded.position, traceparent = excluded.traceparent, due_at = now();
