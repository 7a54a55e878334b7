-- name: touched
-- The rows of the contracts that a batch of events is about.
select tenant, contract_id, contract_type, phase, status, task_id, state, wanted_at from drives
where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))

-- name: store
-- Upserts each contract of a batch once.
insert into drives (tenant, contract_id, contract_type, phase, status, task_id, state, wanted_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])
on conflict (tenant, contract_id) do update set
    phase = excluded.phase, status = excluded.status, task_id = excluded.task_id, state = excluded.state, wanted_at = excluded.wanted_at

-- name: forget
-- Deleted contracts.
delete from drives where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]))
