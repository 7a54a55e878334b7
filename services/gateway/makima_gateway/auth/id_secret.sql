-- name: ensure
-- Stores the secret, unless there is one.
insert into gateway.id_secret (secret) values ($1) on conflict do nothing;

-- name: secret
select secret from gateway.id_secret;
