-- name: dashboard
-- One statement, so that its counts and lists are of one snapshot, in one round trip. $2 names an owner, or is null for
-- all; $3: contracts in each list; $4: events. Each column is an array of rows.
select
  -- Counts by status and phase.
  array(
    select row(status, phase, sum(contracts)::bigint, sum(supervised)::bigint, sum(tasks_running)::bigint, sum(tasks_pending)::bigint)
    from gateway.tallies where tenant = $1 and ($2::text is null or owner_id = $2) group by status, phase
  ) as tallies,
  -- Counts of agents by status, and of stuck ones among them.
  array(
    select row(agent_status, sum(agents)::bigint, coalesce(sum(agents) filter (where stuck), 0)::bigint)
    from gateway.agent_counts where tenant = $1 and ($2::text is null or owner_id = $2) group by agent_status
  ) as agents,
  -- The newest stale contracts.
  array(
    select row(id, name, last_activity_at) from gateway.contracts
    where tenant = $1 and stale and ($2::text is null or owner_id = $2) order by created_position desc limit $3
  ) as stale,
  -- The contracts that wait for a person for longest, each with its oldest open question.
  array(
    select row(contracts.id, contracts.name, contracts.waiting_for, (
      select question from gateway.questions
      where questions.tenant = contracts.tenant and questions.contract_id = contracts.id and questions.status = 'open'
      order by asked_position limit 1
    ))
    from gateway.contracts
    where tenant = $1 and status = 'waiting_for_input' and ($2::text is null or owner_id = $2)
    order by status_changed_at, created_position limit $3
  ) as waiting,
  -- Messages of the monitor, newest first; of one owner among the last 10 000: without this limit, the query would read
  -- the whole table for an owner with few events.
  array(
    select message from (
      select tenant, contract_id, position, message from gateway.monitor_events where tenant = $1
      order by position desc limit case when $2::text is null then $4::bigint else 10000 end
    ) as newest
    where $2::text is null or exists (
      select from gateway.contracts
      where contracts.tenant = newest.tenant and contracts.id = newest.contract_id and owner_id = $2
    )
    order by position desc limit $4
  ) as events,
  -- Connected daemons; of one owner those that run an alive supervisor of one of its contracts.
  array(
    select id from gateway.daemons
    where tenant = $1 and connected and ($2::text is null or exists (
      select from gateway.supervisors
      join gateway.contracts on contracts.tenant = supervisors.tenant and contracts.id = supervisors.contract_id
      where supervisors.tenant = daemons.tenant and supervisors.daemon_id = daemons.id and supervisors.alive
        and contracts.owner_id = $2
    ))
  ) as daemons
