-- name: snapshot
-- The snapshot of one contract.
select snapshot::text from completion_detector.contracts where tenant = $1 and contract_id = $2;

-- name: claim
-- Leases one due to-do row that no replica has leased, for $1 seconds. After that any replica may claim it.
update completion_detector.todo
set leased_until = now() + make_interval(secs => $1)
where (tenant, contract_id) = (
  select tenant, contract_id from completion_detector.todo
  where due_at <= now() and leased_until <= now()
  order by due_at limit 1 for update skip locked
)
returning tenant, contract_id, position, traceparent;

-- name: done
-- Deletes an evaluated row, unless its position has changed since the claim.
delete from completion_detector.todo where tenant = $1 and contract_id = $2 and position = $3 returning true;

-- name: release
-- Ends the lease of a row that changed while it was evaluated. A separate statement, because in one statement
-- with the delete it would use the same snapshot and not see the change that prevented the delete.
update completion_detector.todo set leased_until = '-infinity' where tenant = $1 and contract_id = $2;

-- name: later
-- Ends the lease and makes the row due after $4 seconds, or at once if its position has changed since the
-- claim (a newer event, or 0 for a request by check_completion).
update completion_detector.todo
set leased_until = '-infinity', due_at = case when position = $3 then now() + make_interval(secs => $4) else now() end
where tenant = $1 and contract_id = $2 and (position >= $3 or position = 0);

-- name: owe
-- Requests an evaluation. Position 0 (forced) also replaces the position of an event, because an evaluation
-- caused by an event skips things that a forced one must do: run a validator again, complete a reopened
-- contract.
insert into completion_detector.todo (tenant, contract_id, position, traceparent)
values ($1, $2, 0, $3)
on conflict (tenant, contract_id) do update set position = 0, due_at = now();

-- name: cleanup_expired
-- True if the clean-up's deadline has passed. The first call in an episode sets it. The deadlines of
-- completions that ended without `cleaned_up` (the contract failed, or the completion was aborted for good)
-- are deleted a day later.
with left_behind as (
  delete from completion_detector.cleanups where deadline < now() - interval '1 day' and (tenant, contract_id) <> ($1, $2)
)
insert into completion_detector.cleanups as kept (tenant, contract_id, episode, deadline)
values ($1, $2, $3, now() + make_interval(secs => $4))
on conflict (tenant, contract_id) do update set
  episode = excluded.episode, deadline = case when kept.episode = excluded.episode then kept.deadline else excluded.deadline end
returning deadline <= now();

-- name: cleaned_up
-- Deletes the deadline of a contract that is completed.
delete from completion_detector.cleanups where tenant = $1 and contract_id = $2;

-- name: daemons_of
-- The daemons that have run a contract.
select daemon_id from completion_detector.daemons where tenant = $1 and contract_id = $2 order by daemon_id;
