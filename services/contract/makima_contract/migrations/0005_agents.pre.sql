-- The connections under which agents joined, for the role that a task call is said in; which tasks are to be returned because of an agent's
-- event; and what a supervisor's own task is to be.
create table agent_connections (
    tenant text not null,
    contract_id text not null,
    connection_id text not null,
    role text not null,
    primary key (tenant, contract_id, connection_id)
);

create table task_returns (
    tenant text not null,
    contract_id text not null,
    role text not null,
    agent_version bigint not null,
    reason text not null,
    except_connection_id text,
    owed_at bigint not null,
    traceparent text,
    primary key (tenant, contract_id, role, agent_version)
);

create index task_returns_owed on task_returns (owed_at);

-- Rows from before do not know; the rebuild that comes with this version fills them.
alter table supervisors add column task_status text;
