-- name: snapshot
-- What is known of one contract.
select snapshot::text from completion_detector.contracts where tenant = $1 and contract_id = $2;

-- name: claim
-- One look that is owed and that no replica is taking; mine for some seconds, then anybody's again.
update completion_detector.todo
set leased_until = now() + make_interval(secs => $1)
where (tenant, contract_id) = (
  select tenant, contract_id from completion_detector.todo
  where due_at <= now() and leased_until <= now()
  order by due_at limit 1 for update skip locked
)
returning tenant, contract_id, position, traceparent;

-- name: done
-- The look is taken, unless something has happened since.
delete from completion_detector.todo where tenant = $1 and contract_id = $2 and position = $3 returning true;

-- name: release
-- A look is still owed. A statement of its own: in one with the delete, it would not see the row that kept the delete from happening.
update completion_detector.todo set leased_until = '-infinity' where tenant = $1 and contract_id = $2;

-- name: later
-- Look again after some seconds, or at once if something has happened since, or somebody has asked.
update completion_detector.todo
set leased_until = '-infinity', due_at = case when position = $3 then now() + make_interval(secs => $4) else now() end
where tenant = $1 and contract_id = $2 and (position >= $3 or position = 0);

-- name: owe
-- Somebody asks for a look: 0, also where an event has asked for one already, because that look may leave alone what this one must not.
insert into completion_detector.todo (tenant, contract_id, position, traceparent)
values ($1, $2, 0, $3)
on conflict (tenant, contract_id) do update set position = 0, due_at = now();

-- name: cleanup_expired
-- Whether the time for cleaning up is over; it begins when it is first asked for in this completion. Those that ended another way
-- (failed, or aborted for good) go a day after.
with left_behind as (
  delete from completion_detector.cleanups where deadline < now() - interval '1 day' and (tenant, contract_id) <> ($1, $2)
)
insert into completion_detector.cleanups as kept (tenant, contract_id, episode, deadline)
values ($1, $2, $3, now() + make_interval(secs => $4))
on conflict (tenant, contract_id) do update set
  episode = excluded.episode, deadline = case when kept.episode = excluded.episode then kept.deadline else excluded.deadline end
returning deadline <= now();

-- name: cleaned_up
-- It is completed.
delete from completion_detector.cleanups where tenant = $1 and contract_id = $2;

-- name: daemons_of
-- Who has run this contract.
select daemon_id from completion_detector.daemons where tenant = $1 and contract_id = $2 order by daemon_id;
