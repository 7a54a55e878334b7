-- name: count_saves
-- Bytes that the supervisors of contracts saved.
insert into saved_state as known (tenant, contract_id, bytes)
select * from unnest($1::text[], $2::text[], $3::bigint[])
on conflict (tenant, contract_id) do update set bytes = known.bytes + excluded.bytes

-- name: forget_saves
-- Deleted contracts.
delete from saved_state where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store_restored
-- Restorations that were proved: their contracts are to be assigned.
insert into restored (tenant, contract_id, task_id, daemon_id, connection_id, proved_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
on conflict (tenant, contract_id) do update set
    task_id = excluded.task_id, daemon_id = excluded.daemon_id, connection_id = excluded.connection_id, proved_at = excluded.proved_at

-- name: forget_restored
-- Contracts that were assigned with that connection, or were deleted (null: whichever it is).
delete from restored using unnest($1::text[], $2::text[], $3::text[]) as gone (tenant, contract_id, connection_id)
where restored.tenant = gone.tenant and restored.contract_id = gone.contract_id
  and (gone.connection_id is null or gone.connection_id = restored.connection_id)
