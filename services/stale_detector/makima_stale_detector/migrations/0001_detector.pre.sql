-- Who is alive, how contracts get on, which holds are open, and which verdicts have yet to be told: all folded from the log.

-- Every supervisor and daemon that the log has named. Timers are not here: they live in memory and start anew.
create table senders (
    name text not null primary key,
    alive boolean not null,
    alive_position bigint not null,
    contract_id text,
    daemon_id text not null,
    connection_id text,
    superseded text[] not null
);

create index senders_contract on senders (contract_id) where alive;

create table contracts (
    tenant text not null,
    contract_id text not null,
    status text not null,
    version bigint not null,
    last_activity_at timestamptz not null,
    counts_from timestamptz not null,
    counts_position bigint not null,
    owner_id text not null,
    stale_after_seconds double precision,
    live_supervisors text[] not null,
    episode bigint,
    primary key (tenant, contract_id)
);
-- Few contracts can become stale: those at work whose supervisor does not live. Fewer are.
create index contracts_exposed on contracts (counts_from)
    where episode is null and live_supervisors = '{}' and status in ('active', 'waiting_for_input', 'completing');
create index contracts_stale on contracts (episode) where episode is not null;

create table holds (
    owner_id text not null primary key,
    version bigint not null,
    held boolean not null,
    expired boolean not null
);

-- Verdicts that their owner has accepted and whose SilenceDetected is not in the log yet; `command_id` is the one it will carry.
create table owed (
    command_id uuid not null primary key,
    position bigint not null,
    tenant text not null,
    event json not null,
    traceparent text
);
create index owed_position on owed (position);
