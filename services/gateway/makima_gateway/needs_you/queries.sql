-- name: needs
-- What waits for a person, longest waiting first, behind ($3, $4, $5, $6); how many there are in all stands in each row. Each part is a range
-- of an index: contracts by status, open questions by contract, agents by status.
with needs as (
  select 'question' as kind, questions.asked_at as since, contracts.id as contract_id, questions.id as detail
  from gateway.contracts join gateway.questions on questions.tenant = contracts.tenant and questions.contract_id = contracts.id
  where contracts.tenant = $1 and contracts.status = 'waiting_for_input' and questions.status = 'open'
    and ($2::text is null or contracts.owner_id = $2)
  union all
  select 'phase_confirmation', status_changed_at, id, '' from gateway.contracts
  where tenant = $1 and status = 'waiting_for_input' and waiting_for = 'phase_confirmation' and ($2::text is null or owner_id = $2)
  union all
  select 'blocked', status_changed_at, id, '' from gateway.contracts
  where tenant = $1 and status = 'blocked' and ($2::text is null or owner_id = $2)
  union all
  select 'unrecoverable', agents.since, agents.contract_id, agents.role
  from gateway.agents join gateway.contracts on contracts.tenant = agents.tenant and contracts.id = agents.contract_id
  where agents.tenant = $1 and agents.agent_status = 'dead_failed_revive' and agents.stuck in (false, true) and not agents.hidden
    and contracts.status not in ('completed', 'failed', 'archived') and ($2::text is null or contracts.owner_id = $2)
)
select *, (select count(*) from needs) as total from needs
where $3::timestamptz is null or (since, kind, contract_id, detail) > ($3, $4, $5, $6)
order by since, kind, contract_id, detail limit $7

-- name: questions_of
select * from gateway.questions where tenant = $1 and (contract_id, id) in (select * from unnest($2::text[], $3::text[]))

-- name: agents_of
-- All agents of these contracts that were not cleaned up.
select * from gateway.agents where tenant = $1 and contract_id = any ($2::text[]) and not hidden
