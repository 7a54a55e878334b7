-- The tables of the log. Written by event_log.append alone; everybody reads.

-- Who this log is: a database restored to the past gets a new epoch before anyone reads on.
create table event_log.identity (
    singleton boolean primary key default true check (singleton),
    epoch uuid not null,
    since timestamptz not null default clock_timestamp()
);
insert into event_log.identity (epoch) values (gen_random_uuid());

-- The version of each stream. Only `version` ever changes and no index holds it, so updates stay on their page (HOT).
create table event_log.streams (
    tenant text not null,
    stream text not null,
    version bigint not null,
    primary key (tenant, stream)
) with (fillfactor = 80);

-- Text as it came: `json`, because `jsonb` writes 1e300 out in full, and the size that was checked must be the size that is relayed.
create table event_log.events (
    position bigint not null,
    tenant text not null,
    stream text not null,
    version bigint not null,
    event_id uuid not null,
    command_id uuid not null,
    type text not null,
    schema smallint not null,
    data json not null,
    meta json not null,
    recorded_at timestamptz not null,
    primary key (position)
) partition by range (position);

-- The first answer to each accepted command, also of those that recorded nothing; kept 30 days.
create table event_log.commands (
    tenant text not null,
    command_id uuid not null,
    request_hash bytea not null,
    version bigint not null,
    first_position bigint not null,
    position bigint not null,
    recorded_at timestamptz not null,
    primary key (tenant, command_id)
);
-- Rows come in order of time, so a few summaries find the old ones; a btree would cost every append.
create index commands_recorded_at on event_log.commands using brin (recorded_at) with (pages_per_range = 32, autosummarize = on);

-- How far each consumer has applied the log, moved by compare-and-swap in the transaction that applies.
create table event_log.checkpoints (
    consumer text not null,
    generation int not null,
    shard smallint not null default 0,
    position bigint not null,
    owner text,
    lease_until timestamptz,
    primary key (consumer, generation, shard)
) with (fillfactor = 50);

-- Folded states, a cache: dropped at will, ignored when the code that folded them was another.
create table event_log.snapshots (
    tenant text not null,
    stream text not null,
    version bigint not null,
    fingerprint text not null,
    state bytea not null,
    primary key (tenant, stream)
);

create function event_log.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'restrict_violation';
end $$;

-- Row triggers are cloned to each partition as it is attached.
create trigger append_only before update or delete on event_log.events for each row execute function event_log.refuse_change();
alter table event_log.events enable always trigger append_only;
-- Statement triggers are not: whoever makes a partition copies them.
create trigger never_emptied before truncate on event_log.events for each statement execute function event_log.refuse_change();
alter table event_log.events enable always trigger never_emptied;

-- The first partitions. Later ones come from `makima_kernel.log.partitions`, which never waits for a reader.
do $$
declare
    size constant bigint := 10000000;
    name text;
begin
    for number in 0..2 loop
        name := 'events_p' || lpad((number * size)::text, 12, '0');
        execute format('create table event_log.%I partition of event_log.events for values from (%s) to (%s)',
                       name, number * size, (number + 1) * size);
        execute format('create unique index on event_log.%I (tenant, stream, version)', name);
        execute format('create trigger never_emptied before truncate on event_log.%I for each statement execute function event_log.refuse_change()', name);
        execute format('alter table event_log.%I enable always trigger never_emptied', name);
    end loop;
end $$;
