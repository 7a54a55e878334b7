-- name: daemons
-- The connected daemons, whom they serve, and how many agents they may still start: what their newest heartbeat says, without what they
-- accepted since.
select substr(s.stream, length('daemon-') + 1) as daemon_id, s.told -> 'admission' as admission,
       coalesce((l.detail ->> 'capacity')::bigint, 0) - (
         select count(*) from supervisor_heartbeat.placements p
         where p.daemon_id = substr(s.stream, length('daemon-') + 1) and p.accepted_at > l.received_at
       ) as free
from supervisor_heartbeat.senders s
left join supervisor_heartbeat.latest l on l.sender = s.stream
where s.tenant = $1 and starts_with(s.stream, 'daemon-') and (s.told ->> 'connected')::boolean

-- name: claim
-- Contracts at work that nobody drives and no connected daemon is to start again by itself, longest untried first: from here on this
-- replica ($2) places them, for $3 seconds. One that another replica holds, that was accepted, or whose owner no connected daemon serves
-- is left out.
with served as materialized (
  select distinct told -> 'admission' ->> 'owner' as owner from supervisor_heartbeat.senders
  where tenant = $1 and starts_with(stream, 'daemon-') and (told ->> 'connected')::boolean
), wanted as (
  select d.tenant, d.contract_id, d.contract_type, d.phase, d.task_id, d.state is not null as heard,
         exists (
           select from supervisor_heartbeat.senders s where s.tenant = d.tenant and s.stream = 'supervisor-' || d.task_id
         ) as known,
         d.wanted_at, a.owner_id, a.daemon_id as holder
  from supervisor_heartbeat.drives d
  join supervisor_heartbeat.assignments a using (tenant, contract_id)
  left join supervisor_heartbeat.placements p using (tenant, contract_id)
  left join supervisor_heartbeat.senders h on h.tenant = d.tenant and h.stream = 'daemon-' || a.daemon_id
  where d.tenant = $1 and d.wanted_at is not null and d.status in ('active', 'waiting_for_input')
    and (
      p.contract_id is null or p.wanted_at <> d.wanted_at or p.held_until <= clock_timestamp()
      or (p.held_by = $2 and p.accepted_at is null)
    )
    and (a.daemon_id is null or d.state is null or not coalesce((h.told ->> 'connected')::boolean, false))
    and exists (select from served where served.owner is null or served.owner = a.owner_id)
  order by p.held_until nulls first, d.wanted_at limit $4
), held as (
  insert into supervisor_heartbeat.placements as p (tenant, contract_id, wanted_at, held_by, held_until)
  select tenant, contract_id, wanted_at, $2, clock_timestamp() + make_interval(secs => $3) from wanted
  on conflict (tenant, contract_id) do update set
    wanted_at = excluded.wanted_at, held_by = excluded.held_by, held_until = excluded.held_until,
    daemon_id = case when p.wanted_at = excluded.wanted_at then p.daemon_id end, accepted_at = null
  where p.wanted_at <> excluded.wanted_at or p.held_until <= clock_timestamp() or (p.held_by = $2 and p.accepted_at is null)
  returning tenant, contract_id, daemon_id as asked_daemon
)
select wanted.*, held.asked_daemon from wanted join held using (tenant, contract_id)

-- name: unserved
-- Contracts at work that nobody drives and whose owner no connected daemon serves, the longest waiting first.
with served as materialized (
  select distinct told -> 'admission' ->> 'owner' as owner from supervisor_heartbeat.senders
  where tenant = $1 and starts_with(stream, 'daemon-') and (told ->> 'connected')::boolean
)
select d.contract_id, d.wanted_at, a.owner_id
from supervisor_heartbeat.drives d
join supervisor_heartbeat.assignments a using (tenant, contract_id)
where d.tenant = $1 and d.wanted_at is not null and d.status in ('active', 'waiting_for_input')
  and not exists (select from served where served.owner is null or served.owner = a.owner_id)
order by d.wanted_at limit $2

-- name: asking
-- Notes whom this replica is about to ask, and holds the contract for $5 seconds more; no row: another replica has it now.
update supervisor_heartbeat.placements set daemon_id = $4, held_until = clock_timestamp() + make_interval(secs => $5)
where tenant = $1 and contract_id = $2 and held_by = $3 and accepted_at is null returning true

-- name: accepted
-- The daemon is to be heard within $5 seconds.
update supervisor_heartbeat.placements
set accepted_at = clock_timestamp(), held_until = clock_timestamp() + make_interval(secs => $5)
where tenant = $1 and contract_id = $2 and held_by = $3 and daemon_id = $4

-- name: refused
-- Nobody needs to ask this daemon first any more.
update supervisor_heartbeat.placements set daemon_id = null where tenant = $1 and contract_id = $2 and held_by = $3

-- name: release
update supervisor_heartbeat.placements set held_until = clock_timestamp()
where tenant = $1 and contract_id = $2 and held_by = $3 and accepted_at is null

-- name: forget
-- Contracts that are not wanted any more, or for another reason.
delete from supervisor_heartbeat.placements p where not exists (
  select from supervisor_heartbeat.drives d
  where d.tenant = p.tenant and d.contract_id = p.contract_id and d.wanted_at = p.wanted_at
)
