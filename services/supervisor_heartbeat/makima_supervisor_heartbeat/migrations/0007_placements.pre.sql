-- Every contract with whether somebody drives it: `wanted_at` is the position of the event since when nobody does, also while it is
-- not at work.
create table drives (
    tenant text not null,
    contract_id text not null,
    contract_type text not null,
    phase text not null,
    status text not null,
    task_id text,
    state text,
    wanted_at bigint,
    primary key (tenant, contract_id)
) with (fillfactor = 80);
create index drives_wanted on drives (wanted_at) where wanted_at is not null and status in ('active', 'waiting_for_input');
create index senders_daemons on senders (tenant, stream) where starts_with(stream, 'daemon-');

-- What is being done for those that are wanted, and by which replica: no part of the read model, as the log does not tell it.
-- `daemon_id` was asked last; accepted: its supervisor is to be heard until `held_until`, else it is asked again.
create table placements (
    tenant text not null,
    contract_id text not null,
    wanted_at bigint not null,
    held_by text not null,
    held_until timestamptz not null,
    daemon_id text,
    accepted_at timestamptz,
    primary key (tenant, contract_id)
);
