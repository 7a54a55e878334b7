-- name: new_epoch
-- Who this log is from now on.
update event_log.identity set epoch = gen_random_uuid(), since = clock_timestamp() returning epoch
