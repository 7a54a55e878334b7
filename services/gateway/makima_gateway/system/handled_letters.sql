-- name: find
select letter, outcome, stream, sequence from gateway.handled_letters where tenant = $1 and command_id = $2

-- name: note
-- The first answer stays.
insert into gateway.handled_letters (tenant, command_id, letter, outcome, stream, sequence) values ($1, $2, $3, $4, $5, $6)
on conflict do nothing

-- name: forget_old
-- Answers are kept for 30 days, as long as command ids are.
delete from gateway.handled_letters where handled_at < clock_timestamp() - interval '30 days'
