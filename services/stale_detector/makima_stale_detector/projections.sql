-- name: senders
-- The rows of the senders that a batch of events is about.
select name, alive, alive_position, contract_id, daemon_id, connection_id, superseded, status, status_version, status_since,
       handed_out
from senders where name = any ($1::text[]);

-- name: store_senders
-- Upserts each sender of a batch once; lists of connections as JSON, because unnest would flatten an array of
-- arrays.
insert into senders (name, alive, alive_position, contract_id, daemon_id, connection_id, superseded,
                     status, status_version, status_since, handed_out)
select name, alive, alive_position, contract_id, daemon_id, connection_id, array(select json_array_elements_text(superseded)),
       status, status_version, status_since, handed_out
from unnest($1::text[], $2::boolean[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::json[],
            $8::text[], $9::bigint[], $10::timestamptz[], $11::boolean[])
    as row (name, alive, alive_position, contract_id, daemon_id, connection_id, superseded, status, status_version, status_since,
            handed_out)
on conflict (name) do update set
    alive = excluded.alive, alive_position = excluded.alive_position, contract_id = excluded.contract_id,
    daemon_id = excluded.daemon_id, connection_id = excluded.connection_id, superseded = excluded.superseded,
    status = excluded.status, status_version = excluded.status_version, status_since = excluded.status_since,
    handed_out = excluded.handed_out;

-- name: contracts
-- The rows of the contracts that a batch of events is about.
select tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id, stale_after_seconds,
       live_supervisors, episode, ever_active
from contracts where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: live_supervisors
-- The task id of one live supervisor of each of these contracts: the first by name, so that a rebuild finds the same.
-- Reads one entry of the index `senders_live_supervisors`, however many of them the contract has.
select wanted.contract_id, split_part(first.name, ':', 2) as task_id from unnest($1::text[]) as wanted (contract_id)
cross join lateral (
    select name from senders
    where senders.contract_id = wanted.contract_id and alive and name like 'supervisor:%' order by name limit 1
) as first;

-- name: store_contracts
-- Upserts each contract of a batch once.
insert into contracts (tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id,
                       stale_after_seconds, live_supervisors, episode, ever_active)
select tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id,
       stale_after_seconds, array(select json_array_elements_text(live_supervisors)), episode, ever_active
from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::timestamptz[], $7::bigint[], $8::text[],
            $9::double precision[], $10::json[], $11::bigint[], $12::boolean[])
    as row (tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id,
            stale_after_seconds, live_supervisors, episode, ever_active)
on conflict (tenant, contract_id) do update set
    status = excluded.status, version = excluded.version, last_activity_at = excluded.last_activity_at,
    counts_from = excluded.counts_from, counts_position = excluded.counts_position, owner_id = excluded.owner_id,
    stale_after_seconds = excluded.stale_after_seconds, live_supervisors = excluded.live_supervisors, episode = excluded.episode,
    ever_active = excluded.ever_active;

-- name: forget_contracts
-- Deletes the rows of deleted contracts.
delete from contracts where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));

-- name: store_holds
-- Upserts the state of each hold stream after its last event in a batch.
insert into holds (owner_id, version, held, expired)
select * from unnest($1::text[], $2::bigint[], $3::boolean[], $4::boolean[])
on conflict (owner_id) do update set version = excluded.version, held = excluded.held, expired = excluded.expired;

-- name: owe
-- Inserts into the outbox: accepted verdicts whose `SilenceDetected` is to be appended to the log.
insert into owed (command_id, position, tenant, event, traceparent)
select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::json[], $5::text[])
on conflict (command_id) do nothing;

-- name: delete_recorded
-- Deletes outbox rows whose `SilenceDetected` is in the log.
delete from owed where command_id = any ($1::uuid[]);

-- name: role_agents
-- The rows of the agents that a batch of events is about.
select tenant, contract_id, role, status, version, away_version
from role_agents where (tenant, contract_id, role) in (select * from unnest($1::text[], $2::text[], $3::text[]));

-- name: store_role_agents
-- Upserts each agent of a batch once.
insert into role_agents (tenant, contract_id, role, status, version, away_version)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
on conflict (tenant, contract_id, role) do update set
    status = excluded.status, version = excluded.version, away_version = excluded.away_version;

-- name: role_tasks
-- The rows of the tasks that a batch of events is about.
select tenant, contract_id, task_id, wanted_role, held_by, since_position
from role_tasks where (tenant, contract_id, task_id) in (select * from unnest($1::text[], $2::text[], $3::text[]));

-- name: store_role_tasks
-- Upserts each task of a batch once. A new episode was not asked for yet.
insert into role_tasks (tenant, contract_id, task_id, wanted_role, held_by, since_position)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[])
on conflict (tenant, contract_id, task_id) do update set
    wanted_role = excluded.wanted_role, held_by = excluded.held_by, since_position = excluded.since_position,
    requested = role_tasks.requested and role_tasks.since_position = excluded.since_position,
    asked_at_once = role_tasks.asked_at_once and role_tasks.since_position = excluded.since_position;

-- name: forget_role_tasks
-- Deletes the rows of tasks that are done.
delete from role_tasks where (tenant, contract_id, task_id) in (select * from unnest($1::text[], $2::text[], $3::text[]));

-- name: forget_roles_of
-- Deletes the rows of deleted contracts.
with tasks as (delete from role_tasks where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[])))
delete from role_agents where (tenant, contract_id) in (select * from unnest($1::text[], $2::text[]));
