-- What the log says of each supervisor; a projection. `heard_*`: the heartbeat that last changed something;
-- `evidence`: the verdict's, while it is in force.
create table supervisors (
    tenant text not null,
    task_id text not null,
    contract_id text not null,
    daemon_id text not null,
    connection_id text,
    superseded text[] not null,
    state text not null check (state in ('initializing', 'idle', 'working', 'waiting_for_user', 'waiting_for_tasks', 'blocked',
                                         'completed', 'failed', 'interrupted')),
    phase text not null,
    heard_epoch text,
    heard_sequence bigint,
    heard_at timestamptz,
    evidence json,
    primary key (tenant, task_id)
) with (fillfactor = 80);

-- What the log says of each daemon; a projection.
create table daemons (
    tenant text not null,
    daemon_id text not null,
    hostname text not null,
    connected boolean not null,
    heard_epoch text,
    heard_sequence bigint,
    heard_at timestamptz,
    evidence json,
    primary key (tenant, daemon_id)
) with (fillfactor = 80);
