-- The history: one row per heartbeat. Hourly partitions come from `makima_kernel.log.partitions`, and go after a day.
-- `sender` is the name of the sender's stream in the log; `received_at` is the broker's clock, `sequence` the place in its stream;
-- `detail` holds what only one kind of sender says.
create table heartbeats (
    received_at timestamptz not null,
    sequence bigint not null,
    sender text not null,
    contract_id text,
    daemon_id text,
    connection_id text,
    state text,
    phase text,
    activity text,
    progress smallint,
    detail json
) partition by range (received_at);
-- Four bytes an entry instead of forty; equal ones are kept together, and the few collisions are filtered when read.
create index heartbeats_sender on heartbeats (hashtext(sender));

-- The newest heartbeat of each sender's current incarnation. No index on what changes, room on the page: updates stay there (HOT).
create table latest (
    sender text primary key,
    stream_epoch text not null,
    sequence bigint not null,
    received_at timestamptz not null,
    contract_id text,
    daemon_id text,
    connection_id text,
    state text,
    phase text,
    activity text,
    progress smallint,
    detail json
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
create index latest_contract on latest (contract_id);

-- How far each shard of the heartbeats is recorded, by whom; moved in the transaction that records.
create table watermarks (
    shard smallint primary key,
    owner text not null default '',
    stream_epoch text not null default '',
    sequence bigint not null default 0,
    observed_at timestamptz not null default 'epoch'
) with (fillfactor = 50);
insert into watermarks (shard) select generate_series(0, 7);
