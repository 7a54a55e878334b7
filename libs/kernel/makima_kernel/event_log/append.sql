-- Appends a batch of commands with their events in one round trip; returns one row per command, in order.
select status, version, first_position, position
from event_log.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
