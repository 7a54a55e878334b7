-- name: new_epoch
-- Gives the log a new identity.
update event_log.identity set epoch = gen_random_uuid(), since = clock_timestamp() returning epoch
