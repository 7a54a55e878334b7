-- name: touched
-- The rows of the senders that a batch of events is about.
select tenant, stream, told from senders where (tenant, stream) in (select * from unnest($1::text[], $2::text[]))

-- name: store
-- Upserts each sender of a batch once.
insert into senders (tenant, stream, told)
select * from unnest($1::text[], $2::text[], $3::json[])
on conflict (tenant, stream) do update set told = excluded.told
