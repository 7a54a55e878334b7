-- name: touched
-- The senders that a batch folds further.
select tenant, stream, told from senders where (tenant, stream) in (select * from unnest($1::text[], $2::text[]))

-- name: store
-- Every sender of a batch, once.
insert into senders (tenant, stream, told)
select * from unnest($1::text[], $2::text[], $3::json[])
on conflict (tenant, stream) do update set told = excluded.told
