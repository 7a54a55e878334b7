-- name: arrivals
-- The recorded heartbeats of the given senders from $3 to $4, oldest first of each; only the partitions of that time are read.
select sender, received_at, connection_id from supervisor_heartbeat.heartbeats
where hashtext(sender) = any($2) and sender = any($1) and received_at > $3 and received_at <= $4
order by sender, received_at, sequence

-- name: heard_until
-- Those of the given senders that were heard until $2, as far back as heartbeats are kept; each ends at the first one found.
select sender from unnest($1::text[]) as given (sender)
where exists (select from supervisor_heartbeat.latest l where l.sender = given.sender and l.received_at <= $2)
   or exists (
     select from supervisor_heartbeat.heartbeats h
     where hashtext(h.sender) = hashtext(given.sender) and h.sender = given.sender and h.received_at <= $2
   )
