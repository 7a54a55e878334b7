-- The scan reads the oldest tasks of all again.
create index role_tasks_waiting on role_tasks (since_position) where held_by is null and wanted_role is not null and not requested;
drop index role_tasks_waiting_roles;
