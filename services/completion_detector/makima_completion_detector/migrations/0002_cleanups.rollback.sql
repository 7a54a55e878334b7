-- The deadlines go back to the looks; a clean-up under way keeps its own.
alter table todo add column if not exists cleanup_episode bigint, add column if not exists cleanup_deadline timestamptz;
update todo set cleanup_episode = episode, cleanup_deadline = deadline from cleanups
where (cleanups.tenant, cleanups.contract_id) = (todo.tenant, todo.contract_id);
drop table cleanups;
