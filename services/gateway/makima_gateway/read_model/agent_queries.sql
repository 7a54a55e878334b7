-- name: agent
select * from gateway.agents where tenant = $1 and contract_id = $2 and role = $3

-- name: agents_of_contract
-- By role, at most $3; without those that were cleaned up.
select * from gateway.agents where tenant = $1 and contract_id = $2 and not hidden order by role limit $3

-- name: agents
-- By contract and role, after the agent ($4, $5). Each status and each value of `stuck` asked for is a range of the
-- index of its own, of which no more is read than a page: so the page costs the same at any number of agents.
select page.* from unnest($2::text[]) as wanted (agent_status) cross join unnest($3::boolean[]) as told (stuck)
cross join lateral (
  select * from gateway.agents
  where tenant = $1 and agents.agent_status = wanted.agent_status and agents.stuck = told.stuck and not hidden
    and (contract_id, role) > ($4::text, $5::text)
  order by contract_id, role limit $6
) as page
order by page.contract_id, page.role limit $6

-- name: agents_of_owner
-- As `agents`, of the contracts of owner $7.
select page.* from unnest($2::text[]) as wanted (agent_status) cross join unnest($3::boolean[]) as told (stuck)
cross join lateral (
  select * from gateway.agents
  where tenant = $1 and owner_id = $7 and agents.agent_status = wanted.agent_status and agents.stuck = told.stuck and not hidden
    and (contract_id, role) > ($4::text, $5::text)
  order by contract_id, role limit $6
) as page
order by page.contract_id, page.role limit $6

-- name: agents_of_daemon
-- As `agents`, of the contracts that are daemon $8's (and owner $7's, if one is named).
select agents.* from gateway.contracts
join gateway.agents on agents.tenant = contracts.tenant and agents.contract_id = contracts.id
where contracts.tenant = $1 and contracts.daemon_id = $8 and ($7::text is null or contracts.owner_id = $7)
  and agents.agent_status = any ($2::text[]) and agents.stuck = any ($3::boolean[]) and not hidden
  and (agents.contract_id, agents.role) > ($4::text, $5::text)
order by agents.contract_id, agents.role limit $6

-- name: agents_named
-- Of these contracts and roles, pair by pair.
select * from gateway.agents where tenant = $1 and (contract_id, role) in (select * from unnest($2::text[], $3::text[]))

-- name: roles_of_agents
-- Of every agent that the contract ever had, also of those that were cleaned up; at most $3.
select role from gateway.agents where tenant = $1 and contract_id = $2 order by role limit $3

-- name: supervisors_of
-- Every supervisor that was heard of the contract, the first one first; at most $3.
select task_id from gateway.supervisors where tenant = $1 and contract_id = $2 order by registered_at, task_id limit $3

-- name: supervisor_tasks
-- Which supervisor drives each of the given contracts.
select id, supervisor_task_id from gateway.contracts where tenant = $1 and id = any ($2::text[]) and supervisor_task_id is not null

-- name: roles_wanted
-- The roles of the tasks that are not done: who has claimed it, or whom it was made for. $3 is the role of the supervisor's task.
select distinct case when is_supervisor then $3 else role end as role from gateway.tasks
where tenant = $1 and contract_id = $2 and status in ('pending', 'claimed', 'running') and (is_supervisor or role is not null)

-- name: tasks_to_take
-- The pending tasks made for a role for which nobody is there, oldest first, at most $4; $3 are the statuses of who is there.
select tasks.* from gateway.tasks
where tenant = $1 and contract_id = $2 and status = 'pending' and role is not null and not is_supervisor
  and not exists (
    select from gateway.agents
    where agents.tenant = tasks.tenant and agents.contract_id = tasks.contract_id and agents.role = tasks.role
      and agents.agent_status = any ($3::text[])
  )
order by created_position limit $4

-- name: agents_sorted
-- In the order $7, behind the keys ($8, $9, $10, $11): all agents that match are looked at. `needs`: beyond revival, dead, restarting, stuck,
-- then the others, each by how long it is so; `progress_at`: moved longest ago first, as far as the log says; `contract`: by name. $5: a text in
-- the contract's name or in the role; $6: only those that this daemon runs; $12: only contracts of this owner, $13: that this daemon runs.
with matching as (
  select agents.*,
    case $7
      when 'needs' then
        1e12 * (case agent_status when 'dead_failed_revive' then 0 when 'dead' then 1 when 'restarting' then 2 when 'offline' then 6
          else (case when stuck then 3 when agent_status = 'working' then 4 else 5 end) end) + extract(epoch from since)
      when 'progress_at' then extract(epoch from coalesce(progress_at, since))
      else 0
    end as number,
    case $7 when 'contract' then lower(contracts.name) else '' end as word
  from gateway.agents join gateway.contracts on contracts.tenant = agents.tenant and contracts.id = agents.contract_id
  where agents.tenant = $1 and not hidden and agent_status = any ($2::text[]) and stuck = any ($3::boolean[]) and $4::integer > 0
    and ($5::text is null or contracts.name ilike $5 or agents.role ilike $5)
    and ($6::text is null or agents.daemon_id = $6)
    and ($12::text is null or agents.owner_id = $12)
    and ($13::text is null or contracts.daemon_id = $13)
)
select *, (select count(*) from matching) as total from matching
where $8::numeric is null or (number, word, contract_id, role) > ($8, $9::text, $10::text, $11::text)
order by number, word, contract_id, role limit $4

-- name: agent_numbers
-- Of everything that is visible, by status and whether they are stuck.
select agent_status, stuck, sum(agents)::bigint from gateway.agent_counts
where tenant = $1 and ($2::text is null or owner_id = $2) group by agent_status, stuck

-- name: agent_numbers_of_daemon
select agent_status, stuck, count(*) from gateway.contracts
join gateway.agents on agents.tenant = contracts.tenant and agents.contract_id = contracts.id
where contracts.tenant = $1 and contracts.daemon_id = $3 and ($2::text is null or contracts.owner_id = $2) and not hidden
group by agent_status, stuck

-- name: tasks_at_work
-- What these connections have claimed or work on, of these contracts.
select contract_id, connection_id, id, name from gateway.tasks
where tenant = $1 and contract_id = any ($2::text[]) and status in ('claimed', 'running') and connection_id = any ($3::text[])
order by created_position desc

-- name: gauges
-- Number of agents by status, and of stuck ones among them.
select agent_status, sum(agents)::bigint as agents, coalesce(sum(agents) filter (where stuck), 0)::bigint as stuck
from gateway.agent_counts group by agent_status
