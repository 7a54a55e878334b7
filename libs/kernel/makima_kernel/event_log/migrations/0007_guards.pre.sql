-- The one way into the log, with any number of guards per command: a batch of commands, each judged and answered by itself, in one round trip.
-- The function with one guard per command stays for services of the version before; a later `post` migration drops it.
--
-- Commands are parallel arrays; the events of all of them follow in the same order, `counts` says how many each has.
-- Guards are parallel arrays, too: `guard_numbers` says which command (from 1) each belongs to. A null in `expected`
-- accepts any version. A call holds at most one command per stream and per command id, and guards no stream that it
-- writes; else it raises and nothing is stored.
--
-- status           version                      position                     first_position
-- ok               of the stream, afterwards    of its last event            of its first event (position + 1: no events)
-- duplicate        the same three figures of the first answer
-- conflict         of the stream, as it is
-- guard_conflict   of its first guard that is not met, as it is
-- too_large        the limit in bytes
-- key_reused
create function event_log.append(
    tenants text[], streams text[], command_ids uuid[], request_hashes bytea[], expected bigint[],
    guard_numbers int[], guard_streams text[], guard_versions bigint[], metas json[], counts int[],
    event_ids uuid[], types text[], schemas smallint[], datas json[]
) returns table (status text, version bigint, first_position bigint, "position" bigint)
language plpgsql volatile security definer
-- The plan is made once and must hold at any size: without these, one made while the tables are small scans them when they are big.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    event_limit constant int := 262144;
    command_limit constant int := 524288;
    starts bigint[]; largests int[]; totals bigint[];
    verdicts text[]; currents bigint[]; versions bigint[]; firsts bigint[]; lasts bigint[];
    head bigint; moment timestamptz;
begin
    -- Each statement below must see what was committed while it waited for the lock.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'event_log.append needs read committed, not %', current_setting('transaction_isolation')
            using errcode = 'invalid_transaction_state';
    end if;
    if pg_current_xact_id_if_assigned() is not null then
        raise exception 'event_log.append must be alone in its transaction' using errcode = 'invalid_transaction_state';
    end if;
    -- What is answered must survive a crash, whatever the server's default is.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'local', true);
    end if;
    -- A caller that stops between this call and its commit would stop every writer; the server ends it instead.
    perform set_config('transaction_timeout', '30s', true);

    if (select coalesce(sum(n), 0) from unnest(counts) as n) <> cardinality(datas) then
        raise exception 'counts do not add up to the events' using errcode = 'invalid_parameter_value';
    end if;
    if exists (select from unnest(tenants, streams) as a (tenant, stream) group by tenant, stream having count(*) > 1)
       or exists (select from unnest(tenants, command_ids) as a (tenant, command_id) group by tenant, command_id having count(*) > 1)
       or cardinality(guard_streams) > 0
       and exists (select tenants[number], stream from unnest(guard_numbers, guard_streams) as g (number, stream)
                   intersect select tenant, stream from unnest(tenants, streams) as a (tenant, stream)) then
        raise exception 'two commands of one call meet in a stream or a command id' using errcode = 'invalid_parameter_value';
    end if;

    -- Sizes are summed by command only where one might be too large.
    if (select max(size) > event_limit or sum(size) > command_limit from (select octet_length(data::text) as size from unnest(datas) as data) as event) then
        select array_agg(largest order by number), array_agg(total order by number) into largests, totals
        from (select number, max(octet_length(datas[last - n + k]::text)) as largest, sum(octet_length(datas[last - n + k]::text)) as total
              from (select number, n, sum(n) over (order by number) as last from unnest(counts) with ordinality as c (n, number)) as command
              left join lateral generate_series(1, n) as k on true
              group by number) as command;
    end if;

    perform pg_advisory_xact_lock(hashtext('event_log.append'));

    select position, recorded_at into head, moment from event_log.events order by position desc limit 1;
    head := coalesce(head, 0);
    moment := greatest(clock_timestamp(), moment);

    with unmet as (
        select distinct on (g.number) g.number, coalesce(guard.version, 0) as version
        from unnest(guard_numbers, guard_streams, guard_versions) with ordinality as g (number, stream, version, place)
        left join event_log.streams as guard on guard.tenant = tenants[g.number] and guard.stream = g.stream
        where g.version <> coalesce(guard.version, 0)
        order by g.number, g.place
    ), judged as (
        select a.number, a.n, coalesce(stream.version, 0) as current, unmet.version as guard_version, first.version as first_version,
               first.first_position, first.position,
               case when first.request_hash = a.request_hash then 'duplicate'
                    when first.request_hash is not null then 'key_reused'
                    when a.largest > event_limit or a.total > command_limit then 'too_large'
                    when a.expected <> coalesce(stream.version, 0) then 'conflict'
                    when unmet.number is not null then 'guard_conflict'
                    else 'ok' end as verdict,
               case when a.largest > event_limit then event_limit else command_limit end as size_limit
        from unnest(tenants, streams, command_ids, request_hashes, expected, counts, largests, totals)
            with ordinality as a (tenant, stream, command_id, request_hash, expected, n, largest, total, number)
        left join event_log.commands as first on first.tenant = a.tenant and first.command_id = a.command_id
        left join event_log.streams as stream on stream.tenant = a.tenant and stream.stream = a.stream
        left join unmet on unmet.number = a.number
    ), placed as (
        select *, sum(n) over everything - n as start, head + sum(case verdict when 'ok' then n else 0 end) over everything as last
        from judged window everything as (order by number rows unbounded preceding)
    )
    select array_agg(verdict order by number), array_agg(current order by number), array_agg(start order by number),
           array_agg(case verdict when 'ok' then current + n when 'duplicate' then first_version when 'conflict' then current
                                  when 'guard_conflict' then guard_version when 'too_large' then size_limit end order by number),
           array_agg(case verdict when 'ok' then last - n + 1 when 'duplicate' then first_position end order by number),
           array_agg(case verdict when 'ok' then last when 'duplicate' then position end order by number)
    into verdicts, currents, starts, versions, firsts, lasts
    from placed;

    if 'ok' = any (verdicts) then
        insert into event_log.streams as s (tenant, stream, version)
        select tenant, stream, version from unnest(tenants, streams, versions, counts, verdicts) as a (tenant, stream, version, n, verdict)
        where verdict = 'ok' and n > 0
        on conflict (tenant, stream) do update set version = excluded.version;

        insert into event_log.commands (tenant, command_id, request_hash, version, first_position, position, recorded_at)
        select tenant, command_id, request_hash, version, first_position, position, moment
        from unnest(tenants, command_ids, request_hashes, versions, firsts, lasts, verdicts)
            as a (tenant, command_id, request_hash, version, first_position, position, verdict)
        where verdict = 'ok';

        insert into event_log.events (position, tenant, stream, version, event_id, command_id, type, schema, data, meta, recorded_at)
        select first_position + k - 1, tenant, stream, current + k, event_ids[start + k], command_id, types[start + k], schemas[start + k],
               datas[start + k], meta, moment
        from unnest(tenants, streams, command_ids, metas, counts, starts, verdicts, currents, firsts)
            as a (tenant, stream, command_id, meta, n, start, verdict, current, first_position)
        cross join lateral generate_series(1, n) as k
        where verdict = 'ok';
    end if;

    return query select * from unnest(verdicts, versions, firsts, lasts);
end $$;
revoke execute on function event_log.append(text[], text[], uuid[], bytea[], bigint[], int[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[])
    from public;
