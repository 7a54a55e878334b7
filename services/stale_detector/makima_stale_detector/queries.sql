-- name: position
-- The log position up to which the tables are folded; read in one snapshot with them.
select coalesce((select position from event_log.checkpoints where consumer = 'stale_detector' and shard = 0 order by generation limit 1), 0)

-- name: senders
-- All senders that are alive or being restarted, and the last $1 others that had a connection id, oldest first: if
-- one returns under a new connection, its old connection must be fenced off.
select s.name, s.alive, s.alive_position, s.contract_id, s.daemon_id, s.connection_id, s.superseded,
       s.status, s.status_version, s.status_since
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

-- name: long_dead
-- Agents that have been dead for $1 seconds or longer, on the database's clock, longest first; those after $2, $3.
select name, status_version as version, status_since as since
from stale_detector.senders
where status in ('dead', 'dead_failed_revive') and status_since <= clock_timestamp() - make_interval(secs => $1)
  and (status_since, name) > ($2, $3)
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
