-- name: find
-- The valid token of the session whose secret has this hash, and the session.
select tokens.number, tokens.id, tokens.tenant, tokens.role, tokens.owner, tokens.daemon_id, tokens.created_at, tokens.created_by, tokens.revoked_at, tokens.expires_at, tokens.last_used_at, tokens.contract_id, tokens.agent_role, tokens.connection_id, sessions.id as session_id
from gateway.sessions join gateway.tokens on tokens.id = sessions.token_id
where sessions.hash = $1 and sessions.expires_at > clock_timestamp()
  and tokens.revoked_at is null and (tokens.expires_at is null or tokens.expires_at > clock_timestamp())

-- name: open
-- A session ends with its token at the latest.
insert into gateway.sessions (id, hash, token_id, expires_at)
select $1, $2, id, least(clock_timestamp() + $4::interval, expires_at) from gateway.tokens where id = $3
returning expires_at

-- name: end
delete from gateway.sessions where id = $1

-- name: ended
-- Those of the given sessions that are over, or whose token is.
select requested.id from unnest($1::text[]) as requested (id)
where not exists (
  select from gateway.sessions join gateway.tokens on tokens.id = sessions.token_id
  where sessions.id = requested.id and sessions.expires_at > clock_timestamp()
    and tokens.revoked_at is null and (tokens.expires_at is null or tokens.expires_at > clock_timestamp())
)

-- name: make_room_for_session
-- Deletes all but the newest $2 sessions of the token.
delete from gateway.sessions where id in (
  select id from gateway.sessions where token_id = $1 order by created_at desc offset $2
)

-- name: make_room
-- Deletes all but the newest $2 codes of the token.
delete from gateway.sign_in_codes where hash in (
  select hash from gateway.sign_in_codes where token_id = $1 order by expires_at desc offset $2
)

-- name: add_code
insert into gateway.sign_in_codes (hash, token_id, expires_at) values ($1, $2, $3)

-- name: take_code
-- Of two that come with it at once, one gets it.
delete from gateway.sign_in_codes where hash = $1 returning token_id, expires_at

-- name: token
select number, id, tenant, role, owner, daemon_id, created_at, created_by, revoked_at, expires_at, last_used_at, contract_id, agent_role, connection_id from gateway.tokens
where id = $1 and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())

-- name: forget_sessions
delete from gateway.sessions where expires_at < clock_timestamp()

-- name: forget_codes
delete from gateway.sign_in_codes where expires_at < $1
