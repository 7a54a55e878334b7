-- name: stream
-- The events of one stream with a version above $3, in order; no limit if $4 is null.
select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
from event_log.events
where tenant = $1 and stream = $2 and version > $3
order by version
limit $4

-- name: stream_backwards
-- The events of one stream with a version above $3 and below $4, newest first.
select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
from event_log.events
where tenant = $1 and stream = $2 and version > $3 and version < $4
order by version desc
limit $5

-- name: newest
-- The newest events of one stream that are of the types $3 and in which member $4 is not null, newest first.
select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
from event_log.events
where tenant = $1 and stream = $2 and type = any ($3::text[]) and data ->> $4 is not null
order by version desc
limit $5

-- name: newest_of_each
-- Of each of the streams $2 the newest $4 events that are of the types $3; stream by stream, oldest first.
select found.* from unnest($2::text[]) as wanted (stream)
cross join lateral (
  select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
  from event_log.events
  where tenant = $1 and stream = wanted.stream and type = any ($3::text[])
  order by version desc
  limit $4
) as found
order by found.stream, found.version

-- name: after
-- The events after a position, in order. Positions have no gaps and become visible in order, so no event can
-- appear later between the returned rows.
select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
from event_log.events
where position > $1
order by position
limit $2

-- name: oldest_of
-- Where the first $5 events of the streams $2 stand that come after position $3 and before $4, in order. Of each stream no more are
-- looked at: its versions rise with the positions.
select found.position from unnest($2::text[]) as wanted (stream)
cross join lateral (
  select position from event_log.events
  where tenant = $1 and stream = wanted.stream and position > $3 and position < $4
  order by version limit $5
) as found
order by found.position limit $5

-- name: newest_of
-- As `oldest_of`, the last $5 of them, newest first.
select found.position from unnest($2::text[]) as wanted (stream)
cross join lateral (
  select position from event_log.events
  where tenant = $1 and stream = wanted.stream and position > $3 and position < $4
  order by version desc limit $5
) as found
order by found.position desc limit $5

-- name: at
-- The events at these positions, in order.
select position, tenant, stream, version, event_id, command_id, type, schema, convert_to(data::text, 'UTF8'), meta, recorded_at
from event_log.events where position = any ($1::bigint[]) order by position

-- name: contracts_touched
-- The contracts of events between two positions, in order: of their own stream, or named by the event.
select position, tenant, coalesce(
  case split_part(stream, '-', 1) when 'contract' then substr(stream, 10) when 'completion' then substr(stream, 12) end,
  data ->> 'contract_id'
) from event_log.events
where position > $1 and position <= $2
order by position
limit $3

-- name: actors
-- Who sent the commands of the events at these positions.
select position, meta ->> 'actor' from event_log.events where position = any ($1::bigint[]) and meta ->> 'actor' is not null

-- name: ids
-- The ids of the events after a position, in order.
select position, event_id from event_log.events where position > $1 order by position limit $2

-- name: head
-- The last position; 0 in an empty log.
select coalesce((select position from event_log.events order by position desc limit 1), 0)

-- name: epoch
-- The identity of this log.
select epoch from event_log.identity

-- name: of_one_epoch
-- True unless this log got another identity after its first event.
select coalesce(
    (select since from event_log.identity)
        <= (select recorded_at from event_log.events order by position limit 1),
    true
)

-- name: answered
-- The first answer to a command, and whether the same request (the same hash) got it.
select version, position, first_position <= position, request_hash = $3
from event_log.commands
where tenant = $1 and command_id = $2
