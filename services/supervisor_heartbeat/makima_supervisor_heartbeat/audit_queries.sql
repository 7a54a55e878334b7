-- name: sender_states
-- The folded state and the newest heartbeat of each given sender, and the position up to which the states are folded:
-- one statement, one snapshot.
select coalesce((select position from event_log.checkpoints where consumer = 'supervisor_heartbeat' and shard = 0 order by generation limit 1), 0) as position,
       given.stream, s.told::text as told, l.stream_epoch, l.sequence
from unnest($2::text[]) as given (stream)
left join supervisor_heartbeat.senders s on s.tenant = $1 and s.stream = given.stream
left join supervisor_heartbeat.latest l on l.sender = given.stream

-- name: living_senders
-- Of the next $3 rows after the stream $2: those of senders that are alive or being restarted, and the last row. $4: the states in which a
-- supervisor is not alive; $5: the statuses in which an agent is, or is being restarted.
select coalesce(array_agg(stream order by stream) filter (where
           told ->> 'state' <> all ($4::text[]) or told ->> 'status' = any ($5::text[])
           or (told ->> 'connected')::boolean), '{}') as streams,
       count(*) as read, max(stream) as last
from (select stream, told from supervisor_heartbeat.senders where tenant = $1 and stream > $2 order by stream limit $3) as page
