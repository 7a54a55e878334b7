-- How many bytes the supervisors of a contract saved, for its quota and that of its owner.
create table saved_state (
    tenant text not null,
    contract_id text not null,
    bytes bigint not null,
    primary key (tenant, contract_id)
) with (fillfactor = 80);
create index assignments_owner on assignments (tenant, owner_id);

-- Restorations that were proved, until their contract is assigned to the daemon. `proved_at` is the position of the proof, so that a
-- later one is not marked as answered with it.
create table restored (
    tenant text not null,
    contract_id text not null,
    task_id text not null,
    daemon_id text not null,
    connection_id text not null,
    proved_at bigint not null,
    primary key (tenant, contract_id)
);
