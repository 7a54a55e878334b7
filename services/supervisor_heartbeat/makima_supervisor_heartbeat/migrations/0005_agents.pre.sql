-- The claimed and running tasks of every contract, by the role that holds them.
create table held_tasks (
    tenant text not null,
    contract_id text not null,
    task_id text not null,
    role text not null,
    primary key (tenant, contract_id, task_id)
);

-- Agents whose status does not follow their role's tasks: FollowTasks is to be sent. `owed_at` is the position of the event that made
-- the row, so that a later one is not marked as answered with it.
create table follow_ups (
    tenant text not null,
    contract_id text not null,
    role text not null,
    holds_tasks boolean not null,
    owed_at bigint not null,
    primary key (tenant, contract_id, role)
);

-- Every connection that ever joined: fenced for good once another one joins.
create table agent_connections (
    tenant text not null,
    contract_id text not null,
    role text not null,
    connection_id text not null,
    primary key (tenant, contract_id, role, connection_id)
);
