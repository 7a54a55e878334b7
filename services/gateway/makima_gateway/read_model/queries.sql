-- name: contract
select * from gateway.contracts where tenant = $1 and id = $2

-- name: versions
-- Of the contracts $2 of the tenants $1, as far as they exist.
select tenant, id, version from gateway.contracts
where (tenant, id) in (select * from unnest($1::text[], $2::text[]))

-- name: contracts_that_match
-- The filters of a list of contracts, of which this is a part. With a threshold ($6), a contract is stale if it is at work, has no alive
-- supervisor (an alive one counts as activity) and had no activity for so long. $7 is sought in the name and in the first $10 characters of
-- the description: a longer part would have to be read from where Postgres keeps long values, for each contract. $8: only contracts of this
-- owner; $9: only those that this daemon runs.
contracts.tenant = $1
  and ($2::text[] is null or contracts.status = any ($2))
  and ($3::text is null or contracts.phase = $3)
  and ($4::boolean is null or (contracts.status = 'waiting_for_input') = $4)
  and ($5::boolean is null or $6::interval is not null or contracts.stale = $5)
  and ($6::interval is null or coalesce($5, true) = (
    contracts.status in ('active', 'waiting_for_input', 'completing') and not contracts.supervisor_alive
    and contracts.last_activity_at <= clock_timestamp() - $6
  ))
  and ($7::text is null or contracts.name ilike $7 or left(contracts.description, $10) ilike $7)
  and ($8::text is null or contracts.owner_id = $8)
  and ($9::text is null or contracts.daemon_id = $9)

-- name: contracts
-- Those that match, newest first, created before position $11: at most $12, without descriptions, and none after the others have $13 bytes.
select
  tenant, id, name, '' as description, contract_type, owner_id, status, phase, phases, deliverables, version, phase_guard,
  auto_complete_enabled, stale_after_seconds, tasks_total, tasks_pending, tasks_claimed, tasks_running, tasks_completed, tasks_failed,
  waiting_for, validated, blocked_reason, failure_reason, stale, supervisor_task_id, supervisor_alive, created_at, updated_at,
  status_changed_at, last_activity_at, completion_detected_at, created_position, validation_reason, ever_active, daemon_id,
  restoring_task_id, restoring_daemon_id, restoring_connection_id, found
from (
  select *, count(*) over () as found, sum(bytes) over (order by created_position desc) - bytes as bytes_before from (
    select *, octet_length(phases::text) + octet_length(deliverables::text) + octet_length(coalesce(blocked_reason, '')) +
      octet_length(coalesce(failure_reason, '')) as bytes
    from gateway.contracts
    where
    -- include: contracts_that_match
      and ($11::bigint is null or created_position < $11)
    order by created_position desc
    limit $12
  ) as page
) as measured
where bytes_before < $13 order by created_position desc

-- name: contracts_sorted
-- Those that match, in the order $11, behind the keys ($12, $13, $14). All contracts that match are looked at. `needs`:
-- what waits for a person first, then what failed or is stale, then what is at work, each by how long it is so; `progress_at`: moved longest
-- ago first, as far as the log says; `created_at`: newest first.
with matching as (
  select contracts.tenant, contracts.id, contracts.created_position,
    case $11
      when 'needs' then
        1e12 * (case status when 'waiting_for_input' then 0 when 'blocked' then 1 when 'failed' then 2 when 'archived' then 7
          when 'completed' then 6 when 'paused' then 5 when 'created' then 5 else (case when stale then 3 else 4 end) end)
        + extract(epoch from status_changed_at)
      when 'progress_at' then extract(epoch from greatest(updated_at, supervisors.progress_at))
      when 'created_at' then -contracts.created_position::numeric
      else 0
    end as number,
    case $11 when 'name' then lower(name) else '' end as word
  from gateway.contracts
  left join gateway.supervisors on supervisors.tenant = contracts.tenant and supervisors.task_id = contracts.supervisor_task_id
  where
  -- include: contracts_that_match
), page as (
  select * from matching
  where $12::numeric is null or (number, word, created_position) > ($12, $13::text, $14::bigint)
  order by number, word, created_position limit $15
)
select
  contracts.tenant, contracts.id, contracts.name, '' as description, contracts.contract_type, contracts.owner_id,
  contracts.status, contracts.phase, contracts.phases, contracts.deliverables, contracts.version, contracts.phase_guard,
  contracts.auto_complete_enabled, contracts.stale_after_seconds, contracts.tasks_total, contracts.tasks_pending,
  contracts.tasks_claimed, contracts.tasks_running, contracts.tasks_completed, contracts.tasks_failed, contracts.waiting_for,
  contracts.validated, contracts.blocked_reason, contracts.failure_reason, contracts.stale, contracts.supervisor_task_id,
  contracts.supervisor_alive, contracts.created_at, contracts.updated_at, contracts.status_changed_at, contracts.last_activity_at,
  contracts.completion_detected_at, contracts.created_position, contracts.validation_reason, contracts.ever_active,
  contracts.daemon_id, contracts.restoring_task_id, contracts.restoring_daemon_id, contracts.restoring_connection_id,
  page.number, page.word
from page join gateway.contracts on contracts.tenant = page.tenant and contracts.id = page.id
order by page.number, page.word, page.created_position

-- name: contracts_count
-- How many match.
select count(*) from gateway.contracts where
-- include: contracts_that_match

-- name: contracts_tallied
-- How many match, where nothing but status and phase is asked for: counted already.
select coalesce(sum(contracts), 0)::bigint from gateway.tallies
where tenant = $1 and ($2::text[] is null or status = any ($2)) and ($3::text is null or phase = $3) and ($4::text is null or owner_id = $4)

-- name: contracts_of
-- Those of the contracts $2 that exist, without descriptions.
select
  tenant, id, name, '' as description, contract_type, owner_id, status, phase, phases, deliverables, version, phase_guard,
  auto_complete_enabled, stale_after_seconds, tasks_total, tasks_pending, tasks_claimed, tasks_running, tasks_completed, tasks_failed,
  waiting_for, validated, blocked_reason, failure_reason, stale, supervisor_task_id, supervisor_alive, created_at, updated_at,
  status_changed_at, last_activity_at, completion_detected_at, created_position, validation_reason, ever_active, daemon_id,
  restoring_task_id, restoring_daemon_id, restoring_connection_id
from gateway.contracts where tenant = $1 and id = any ($2::text[])

-- name: supervisors_by_task
select * from gateway.supervisors where tenant = $1 and task_id = any ($2::text[])

-- name: names
select id, name, status from gateway.contracts where tenant = $1 and id = any ($2::text[])

-- name: changed_since
-- Reads all contracts, supervisors and agents of the tenant: for a client that comes back after a while.
select id from gateway.contracts where tenant = $1 and updated_at >= $2
union select contract_id from gateway.supervisors where tenant = $1 and changed_at >= $2
union select contract_id from gateway.agents where tenant = $1 and since >= $2

-- name: task
select * from gateway.tasks where tenant = $1 and contract_id = $2 and id = $3

-- name: tasks
-- Oldest first, those created after position $3, and none after the others have $5 bytes.
select tenant, contract_id, id, name, phase, role, plan, status, connection_id, result, is_supervisor, created_at, updated_at, created_position, wanted_role, found from (
  select *, count(*) over () as found, sum(bytes) over (order by created_position) - bytes as bytes_before from (
    select *, octet_length(coalesce(plan, '')) + octet_length(coalesce(result, '')) as bytes
    from gateway.tasks where tenant = $1 and contract_id = $2 and created_position > $3 order by created_position limit $4
  ) as page
) as measured
where bytes_before < $5 order by created_position

-- name: tasks_of_phase
-- All tasks of a phase, for its gate; oldest first.
select * from gateway.tasks where tenant = $1 and contract_id = $2 and phase = $3 order by created_position

-- name: question
select * from gateway.questions where tenant = $1 and contract_id = $2 and id = $3

-- name: questions
-- As `tasks`.
select tenant, contract_id, id, question, question_type, options, status, answer, asked_at, answered_at, asked_position, found from (
  select *, count(*) over () as found, sum(bytes) over (order by asked_position) - bytes as bytes_before from (
    select *, octet_length(question) + octet_length(options::text) + octet_length(coalesce(answer, '')) as bytes
    from gateway.questions where tenant = $1 and contract_id = $2 and asked_position > $3 order by asked_position limit $4
  ) as page
) as measured
where bytes_before < $5 order by asked_position

-- name: open_questions
-- Oldest first.
select * from gateway.questions where tenant = $1 and contract_id = $2 and status = 'open' order by asked_position limit $3

-- name: answered_questions
-- Of these questions, those that the contract has and that are answered.
select id from gateway.questions where tenant = $1 and contract_id = $2 and id = any ($3::text[]) and status = 'answered'

-- name: messages
-- As `tasks`.
select tenant, contract_id, position, id, role, content, sent_at, found from (
  select *, count(*) over () as found, sum(bytes) over (order by position) - bytes as bytes_before from (
    select *, octet_length(content) as bytes
    from gateway.messages where tenant = $1 and contract_id = $2 and position > $3 order by position limit $4
  ) as page
) as measured
where bytes_before < $5 order by position

-- name: supervisor
-- The supervisor that drives a contract: of those of its daemon the one heard last.
select supervisors.* from gateway.contracts
join gateway.supervisors on supervisors.tenant = contracts.tenant and supervisors.task_id = contracts.supervisor_task_id
where contracts.tenant = $1 and contracts.id = $2

-- name: daemon
select * from gateway.daemons where tenant = $1 and id = $2

-- name: daemons
-- By id. $4: only daemons that run a contract of this owner; $5: only this daemon.
select * from gateway.daemons
where tenant = $1 and id > $2
  and ($5::text is null or id = $5)
  and ($4::text is null or $5::text is not null or exists (
    select from gateway.contracts
    where contracts.tenant = daemons.tenant and contracts.daemon_id = daemons.id and contracts.owner_id = $4
  ))
order by id
limit $3

-- name: daemons_serving
-- Connected daemons that may run contracts of owner $2; at most $3.
select id from gateway.daemons
where tenant = $1 and connected and (not admitted or owner_id is null or owner_id = $2) order by id limit $3

-- name: sees_daemon
-- Whether daemon $2 runs a contract of owner $3. False for a daemon's token ($4): it sees no other daemon.
select $4::text is null and exists (
  select from gateway.contracts where tenant = $1 and daemon_id = $2 and owner_id = $3
)

-- name: runs
-- Whether the contract is this daemon's, or its supervisor was handed out to it by a restoration.
select exists (
  select from gateway.contracts where tenant = $1 and id = $2 and (daemon_id = $3 or restoring_daemon_id = $3)
)

-- name: serves
-- Whether the daemon may run contracts of this one's owner (makima_schemas.assignment).
select exists (
  select from gateway.contracts
  left join gateway.daemons on daemons.tenant = contracts.tenant and daemons.id = $3
  where contracts.tenant = $1 and contracts.id = $2
    and (daemons.id is null or not daemons.admitted or daemons.owner_id is null or daemons.owner_id = contracts.owner_id)
)

-- name: supervisor_of
-- A supervisor of the contract, whether it drives it or not.
select * from gateway.supervisors where tenant = $1 and contract_id = $2 and task_id = $3

-- name: statuses_of_tasks
-- The status of each of these tasks that the contract has.
select id, status from gateway.tasks where tenant = $1 and contract_id = $2 and id = any ($3::text[])

-- name: owners
select id, owner_id from gateway.contracts where tenant = $1 and id = any ($2::text[])

-- name: visible
-- Of the given contracts, those of owner $3 and run by daemon $4 (null: no restriction).
select id from gateway.contracts
where tenant = $1 and id = any ($2::text[])
  and ($3::text is null or owner_id = $3)
  and ($4::text is null or daemon_id = $4)

-- name: monitor_events
-- Monitor events after position $1, up to $2: at most $3, and none after their messages have $4 characters.
select position, tenant, contract_id, old_status, status, type, message from (
  select *, sum(length(message::text)) over (order by position) - length(message::text) as characters_before from (
    select * from gateway.monitor_events where position > $1 and position <= $2 order by position limit $3
  ) as page
) as measured
where characters_before < $4 order by position

-- name: gauges
-- Number of contracts by status, and of stale ones among them.
select status, sum(contracts)::bigint as contracts, sum(stale)::bigint as stale from gateway.tallies group by status

-- name: open_contracts
-- How many contracts of an owner are not over.
select coalesce(sum(contracts), 0)::bigint from gateway.tallies
where tenant = $1 and owner_id = $2 and status not in ('completed', 'failed', 'archived')
