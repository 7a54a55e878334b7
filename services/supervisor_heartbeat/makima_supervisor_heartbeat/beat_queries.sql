-- name: arrivals
-- The recorded heartbeats of the given senders from $3 to $4, oldest first of each; only the partitions of that time are read.
select sender, received_at, connection_id from supervisor_heartbeat.heartbeats
where hashtext(sender) = any($2) and sender = any($1) and received_at > $3 and received_at <= $4
order by sender, received_at, sequence

-- name: heard_until
-- Those of the given senders whose newest heartbeat came until $2.
select sender from supervisor_heartbeat.latest where sender = any($1) and received_at <= $2
