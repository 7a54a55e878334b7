-- name: lock
-- One at a time makes tokens of agents of a contract.
select pg_advisory_xact_lock(hashtext('gateway.agent_tokens'), hashtext($1 || '/' || $2))

-- name: make_room
-- Deletes those of the contract that are over, and of the role ($3) all but the newest $4.
delete from gateway.tokens where tenant = $1 and contract_id = $2 and role = 'agent' and (
  revoked_at is not null or expires_at <= clock_timestamp()
  or (agent_role = $3 and number not in (
    select number from gateway.tokens
    where tenant = $1 and contract_id = $2 and role = 'agent' and agent_role = $3 order by number desc limit $4
  ))
)

-- name: in_force
select count(*) from gateway.tokens where tenant = $1 and contract_id = $2 and role = 'agent'

-- name: by_connection
-- Those of the contract, with whom they speak for.
select id, agent_role, connection_id, daemon_id from gateway.tokens where tenant = $1 and contract_id = $2 and role = 'agent'

-- name: agents
-- The records of these roles ($3) of the contract, also of those that were cleaned up.
select * from gateway.agents where tenant = $1 and contract_id = $2 and role = any ($3::text[])

-- name: delete
delete from gateway.tokens where role = 'agent' and id = any ($1::text[])

-- name: create
-- Returns no row if a token with this id exists: a request with the same idempotency key created it before.
insert into gateway.tokens (id, tenant, hash, role, owner, daemon_id, created_by, expires_at, contract_id, agent_role, connection_id)
values ($1, $2, $3, 'agent', $4, $5, $6, $7, $8, $9, $10)
on conflict (id) do nothing returning id

-- name: clean_up
delete from gateway.tokens where role = 'agent' and (revoked_at is not null or expires_at <= clock_timestamp())

-- name: clean_up_of_deleted_contracts
-- Apart from the others: only so can it be planned as a join.
delete from gateway.tokens as token where role = 'agent' and not exists (
  select from gateway.contracts as contract where contract.tenant = token.tenant and contract.id = token.contract_id
)
