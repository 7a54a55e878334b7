-- The agents of roles, and the tasks that are not done: who holds what, and which task waits for whom.
create table role_agents (
    tenant text not null,
    contract_id text not null,
    role text not null,
    status text not null,
    version bigint not null,
    away_version bigint,
    primary key (tenant, contract_id, role)
);

-- `requested`: the contract's daemon was asked for the role since the task is pending.
create table role_tasks (
    tenant text not null,
    contract_id text not null,
    task_id text not null,
    wanted_role text,
    held_by text,
    since_position bigint not null,
    requested boolean not null default false,
    primary key (tenant, contract_id, task_id)
);

create index role_tasks_waiting on role_tasks (since_position) where held_by is null and wanted_role is not null and not requested;
create index role_agents_away on role_agents (tenant, contract_id, role) where status in ('dead', 'offline');
