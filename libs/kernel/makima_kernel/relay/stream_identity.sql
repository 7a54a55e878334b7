-- name: new_epoch
-- Gives the log a new identity, at the place where it is.
update event_log.identity set epoch = gen_random_uuid(), since = clock_timestamp(), place = event_log.place() returning epoch

-- name: place
-- Where the log is, and where it was when that was noted last. Null: not known.
select event_log.place() as now, place as noted from event_log.identity

-- name: note_place
update event_log.identity set place = $1
