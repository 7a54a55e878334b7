-- Finds each role of a contract for which tasks wait, its oldest and its newest task, whatever else waits.
create index role_tasks_waiting_roles on role_tasks (tenant, contract_id, wanted_role, since_position)
    where held_by is null and wanted_role is not null and not requested;
drop index role_tasks_waiting;
