-- The supervisors of contracts, those that do not exist yet included. `heard_at` is where it registered or was heard again, null while it
-- is silent. `owed_at` is the event since which its contract is to be told of its task; null when it was.
create table supervisors (
    tenant text not null,
    contract_id text not null,
    task_id text not null,
    heard_at bigint,
    owed_at bigint,
    traceparent text,
    primary key (tenant, contract_id, task_id)
);

create index supervisors_owed on supervisors (owed_at) where owed_at is not null;
