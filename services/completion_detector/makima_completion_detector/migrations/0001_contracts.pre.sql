-- What the detector knows of each contract, which daemons run it, and what it has yet to look at.
create table contracts (
    tenant text not null,
    contract_id text not null,
    version bigint not null,
    snapshot jsonb not null,
    primary key (tenant, contract_id)
);

create table daemons (
    tenant text not null,
    contract_id text not null,
    daemon_id text not null,
    primary key (tenant, contract_id, daemon_id)
);

-- One row per contract that wants a look; `position` is the newest event that asked for it, so that a look at an older state
-- cannot take the row away. Written in the transaction that moves the checkpoint: a look is owed exactly when the event is applied.
create table todo (
    tenant text not null,
    contract_id text not null,
    position bigint not null,
    traceparent text,
    due_at timestamptz not null default now(),
    leased_until timestamptz not null default '-infinity',
    cleanup_episode bigint,
    cleanup_deadline timestamptz,
    primary key (tenant, contract_id)
);

create index todo_due on todo (due_at);
