-- name: find
-- The valid token whose secret has this hash.
select number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at, expires_at, last_used_at, contract_id, agent_role, connection_id from gateway.tokens
where hash = $1 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())

-- name: create
-- Returns no row if a token with this id exists: a request with the same idempotency key created it before.
insert into gateway.tokens (id, tenant, hash, role, owner, daemon_id, created_by, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (id) do nothing
returning number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at, expires_at, last_used_at, contract_id, agent_role, connection_id

-- name: ensure_admin
-- Returns a row only if the token is new.
insert into gateway.tokens (id, tenant, hash, role, owner, created_by) values ($1, $2, $3, 'admin', $4, $5)
on conflict do nothing
returning id

-- name: page
-- Oldest first, those with a number above $2.
select number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at, expires_at, last_used_at, contract_id, agent_role, connection_id from gateway.tokens
where tenant = $1 and number > $2 order by number limit $3

-- name: admins
-- The valid administrator tokens. All transactions lock them in the same order, so that none deadlock.
select id from gateway.tokens where tenant = $1 and role = 'admin' and revoked_at is null and (expires_at is null or expires_at > clock_timestamp()) order by number for update

-- name: revoke
update gateway.tokens set revoked_at = clock_timestamp() where tenant = $1 and id = $2 and revoked_at is null
returning number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at, expires_at, last_used_at, contract_id, agent_role, connection_id

-- name: used
-- Notes that these tokens were used, for each at most once a minute.
update gateway.tokens set last_used_at = clock_timestamp()
where id = any ($1::text[]) and (last_used_at is null or last_used_at < clock_timestamp() - interval '1 minute')

-- name: exists
select exists (select from gateway.tokens where tenant = $1 and id = $2)

-- name: revoked
-- Those of the given tokens that are no longer valid.
select requested.id from unnest($1::text[]) as requested (id) where not exists (select from gateway.tokens where tokens.id = requested.id and revoked_at is null and (expires_at is null or expires_at > clock_timestamp()))
