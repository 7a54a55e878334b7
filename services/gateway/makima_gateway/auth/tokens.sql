-- name: find
-- The token in force with a secret of this hash.
select number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at from gateway.tokens
where hash = $1 and revoked_at is null

-- name: create
-- Nothing comes back where one of this id is there: the same intent made it before.
insert into gateway.tokens (id, tenant, hash, role, owner, daemon_id, created_by, nats_user, nats_password_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (id) do nothing
returning number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at

-- name: ensure_admin
insert into gateway.tokens (id, tenant, hash, role, owner, created_by) values ($1, $2, $3, 'admin', $4, $5)
on conflict do nothing
returning id

-- name: page
-- Oldest first, from behind number $2.
select number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at from gateway.tokens
where tenant = $1 and number > $2 order by number limit $3

-- name: admins
-- Those who may make tokens, locked in one order.
select id from gateway.tokens where tenant = $1 and role = 'admin' and revoked_at is null order by number for update

-- name: revoke
update gateway.tokens set revoked_at = clock_timestamp() where tenant = $1 and id = $2 and revoked_at is null
returning number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at

-- name: daemons
-- Whom the broker lets in.
select nats_user, nats_password_hash, daemon_id from gateway.tokens where nats_user is not null and revoked_at is null order by number

-- name: exists
select exists (select from gateway.tokens where tenant = $1 and id = $2)

-- name: revoked
-- Which of these are in force no more.
select asked.id from unnest($1::text[]) as asked (id) where not exists (select from gateway.tokens where tokens.id = asked.id and revoked_at is null)
