-- name: position
-- The log position up to which the tables are folded; read in one snapshot with them.
select coalesce((select position from event_log.checkpoints where consumer = 'stale_detector' and shard = 0 order by generation limit 1), 0)

-- name: senders
-- All senders that are alive or being restarted, and the last $1 others that had a connection id, oldest first: if
-- one returns under a new connection, its old connection must be fenced off.
select s.name, s.alive, s.alive_position, s.contract_id, s.daemon_id, s.connection_id, s.superseded,
       s.status, s.status_version, s.status_since, s.handed_out
from (
    (select * from stale_detector.senders
     where not alive and connection_id is not null and status is distinct from 'restarting'
     order by alive_position desc limit $1)
    union all
    (select * from stale_detector.senders where alive or status = 'restarting')
) as s
order by s.alive_position

-- name: owners
-- The owner of each contract, archived ones included: their supervisors may still send heartbeats.
select contract_id, owner_id from stale_detector.contracts where tenant = $1

-- name: holds
-- The state of every hold stream, also without an open hold: verdicts are guarded by its version.
select owner_id, version, held, expired from stale_detector.holds

-- name: agents_to_clean_up
-- Agents that have been dead for $1 seconds or longer, on the database's clock, or whose contract has ended ($5) or is
-- deleted; longest first, those after $2, $3.
select name, status_version as version, status_since as since
from stale_detector.senders
left join stale_detector.contracts on contracts.tenant = $6 and contracts.contract_id = senders.contract_id
where senders.status in ('dead', 'dead_failed_revive') and (status_since, name) > ($2, $3)
  and (status_since <= clock_timestamp() - make_interval(secs => $1) or coalesce(contracts.status = any ($5::text[]), true))
order by status_since, name limit $4

-- name: pending
-- Outbox: accepted verdicts whose `SilenceDetected` is to be appended, oldest first.
select command_id, tenant, event::text, traceparent from stale_detector.owed order by position limit $1

-- name: mark_recorded
-- Deletes outbox rows whose events are in the log; the projection would delete them too, but later.
delete from stale_detector.owed where command_id = any ($1::uuid[])

-- name: now
-- The database's clock: it wrote the contracts' timestamps, so deadlines are compared on it.
select clock_timestamp()

-- name: due
-- Contracts in an active status, without a live supervisor and without activity for longer than their
-- threshold. $1: default threshold in seconds, $3: the longest one, in seconds. A row with a longer one, or with
-- none that is a duration, is left out (`case`: Postgres may evaluate conditions in any order), so that it cannot
-- fail the query for all others; `unjudgeable` finds it.
select tenant, contract_id, version, last_activity_at, counts_position,
       coalesce(stale_after_seconds, $1) as threshold_seconds,
       extract(epoch from clock_timestamp() - last_activity_at)::double precision as stale_seconds
from stale_detector.contracts
where episode is null and live_supervisors = '{}' and status in ('active', 'waiting_for_input', 'completing')
  and counts_from + make_interval(
          secs => case when coalesce(stale_after_seconds, $1) between 0 and $3 then coalesce(stale_after_seconds, $1) end
      ) <= clock_timestamp()
order by counts_from limit $2

-- name: unjudgeable
-- Contracts that `due` leaves out because of their threshold. $1: the longest one, in seconds.
select contract_id, stale_after_seconds from stale_detector.contracts
where episode is null and live_supervisors = '{}' and status in ('active', 'waiting_for_input', 'completing')
  and stale_after_seconds is not null and not stale_after_seconds between 0 and $1
order by counts_from limit $2

-- name: over
-- Open stale episodes that have ended: status not active any more, a live supervisor, or newer activity.
select tenant, contract_id, episode from stale_detector.contracts
where episode is not null
  and (status not in ('active', 'waiting_for_input', 'completing') or live_supervisors <> '{}' or counts_position > episode)
limit $1

-- name: stale
-- Open stale episodes, longest first.
select tenant, contract_id, last_activity_at,
       extract(epoch from clock_timestamp() - last_activity_at)::double precision as stale_seconds
from stale_detector.contracts where episode is not null order by last_activity_at limit $1

-- name: away_agents
-- Agents that are dead or offline while their role holds tasks of a contract that is not over; one of each contract before
-- the second of any, so that one contract with very many fills no scan.
select tenant, contract_id, role, status, version, away_version
from (
    select a.*, row_number() over (partition by a.tenant, a.contract_id order by a.role) as place
    from stale_detector.role_agents as a
    join stale_detector.contracts as c using (tenant, contract_id)
    where a.status in ('dead', 'offline') and c.status in ('created', 'active', 'waiting_for_input', 'completing', 'paused', 'blocked')
      and exists (
        select from stale_detector.role_tasks as t where t.tenant = a.tenant and t.contract_id = a.contract_id and t.held_by = a.role
      )
) as away
order by place, tenant, contract_id limit $1

-- name: waiting_roles
-- Roles but $2 without a present agent, of contracts at work, for which tasks wait for which nobody was asked a second time: the
-- oldest of them, the position of the newest, and whether somebody was asked since. One role of each contract before the
-- second of any. Reads a few entries of the index `role_tasks_waiting_roles` for each role, however many tasks wait for it.
with recursive roles as (
    (select tenant, contract_id, wanted_role from stale_detector.role_tasks
     where held_by is null and wanted_role is not null and not requested
     order by tenant, contract_id, wanted_role limit 1)
    union all
    select next.* from roles cross join lateral (
        select t.tenant, t.contract_id, t.wanted_role from stale_detector.role_tasks as t
        where t.held_by is null and t.wanted_role is not null and not t.requested
          and (t.tenant, t.contract_id, t.wanted_role) > (roles.tenant, roles.contract_id, roles.wanted_role)
        order by t.tenant, t.contract_id, t.wanted_role limit 1
    ) as next
)
select tenant, contract_id, role, task_id, since_position, newest_position, asked_at_once
from (
    select r.tenant, r.contract_id, r.wanted_role as role, oldest.task_id, oldest.since_position,
           newest.since_position as newest_position, newest.asked_at_once,
           row_number() over (partition by r.tenant, r.contract_id order by oldest.since_position) as place
    from roles as r
    join stale_detector.contracts as c using (tenant, contract_id)
    cross join lateral (
        select t.task_id, t.since_position from stale_detector.role_tasks as t
        where t.tenant = r.tenant and t.contract_id = r.contract_id and t.wanted_role = r.wanted_role
          and t.held_by is null and t.wanted_role is not null and not t.requested
        order by t.since_position limit 1
    ) as oldest
    cross join lateral (
        select t.since_position, t.asked_at_once from stale_detector.role_tasks as t
        where t.tenant = r.tenant and t.contract_id = r.contract_id and t.wanted_role = r.wanted_role
          and t.held_by is null and t.wanted_role is not null and not t.requested
        order by t.since_position desc limit 1
    ) as newest
    where c.status in ('active', 'waiting_for_input', 'completing') and r.wanted_role <> $2
      and not exists (
        select from stale_detector.role_agents as a
        where a.tenant = r.tenant and a.contract_id = r.contract_id and a.role = r.wanted_role
          and a.status in ('ready', 'working', 'restarting')
      )
) as waiting
order by place, since_position limit $1

-- name: mark_requested
-- The daemon was asked a second time, for all tasks that wait for the role up to the position $4; a task's next event begins
-- a new episode. A row that the projection holds just now has such an event: it is passed over, so that neither waits.
with marked as (
    select task_id from stale_detector.role_tasks
    where tenant = $1 and contract_id = $2 and wanted_role = $3 and since_position <= $4 and held_by is null and not requested
    for update skip locked
)
update stale_detector.role_tasks as t set requested = true from marked
where t.tenant = $1 and t.contract_id = $2 and t.task_id = marked.task_id

-- name: mark_asked_at_once
-- As `mark_requested`, of the first time.
with marked as (
    select task_id from stale_detector.role_tasks
    where tenant = $1 and contract_id = $2 and wanted_role = $3 and since_position <= $4 and held_by is null and not asked_at_once
    for update skip locked
)
update stale_detector.role_tasks as t set asked_at_once = true from marked
where t.tenant = $1 and t.contract_id = $2 and t.task_id = marked.task_id

-- name: audited
-- Of each given sender ($2: its name, $3: its stream): its newest event of the types $4 in the log, its row, and the owner
-- of its contract; and the position up to which the rows are folded. One statement, one snapshot.
select coalesce((select position from event_log.checkpoints where consumer = 'stale_detector' and shard = 0 order by generation limit 1), 0) as position,
       given.name, newest.type, newest.schema, convert_to(newest.data::text, 'UTF8') as data, newest.position as head,
       s.alive, s.connection_id, s.daemon_id, s.status, c.owner_id
from unnest($2::text[], $3::text[]) as given (name, stream)
left join lateral (
    select type, schema, data, position from event_log.events as e
    where e.tenant = $1 and e.stream = given.stream and e.type = any ($4::text[])
    order by e.version desc limit 1
) as newest on true
left join stale_detector.senders as s on s.name = given.name
left join stale_detector.contracts as c on c.tenant = $1 and c.contract_id = newest.data ->> 'contract_id'

-- name: living
-- Of the next $2 rows after the name $1: those of senders that are alive or being restarted, and the last row.
select coalesce(array_agg(name) filter (where alive or status = 'restarting'), '{}') as names, count(*) as read, max(name) as last
from (select name, alive, status from stale_detector.senders where name > $1 order by name limit $2) as page
