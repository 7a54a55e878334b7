-- What a service's role does to the log besides reading it, it asks of these functions, which act with the rights of the tables' owner
-- (`makima_kernel.event_log.roles`). Everything in them is looked for in pg_catalog, or named with its schema.
alter function event_log.append(text[], text[], uuid[], bytea[], bigint[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[])
    security definer set search_path = pg_catalog, pg_temp;
revoke execute on function event_log.append(text[], text[], uuid[], bytea[], bigint[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[])
    from public;

-- Creates and attaches the partition of the log for the positions from `first` to before `beyond`; returns its name. Unlike CREATE … PARTITION OF, none
-- of the statements waits for readers or writers. Refused where it would leave a gap, or where enough empty ones exist already.
create function event_log.make_partition(first bigint, beyond bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    made constant text := 'events_p' || lpad(first::text, greatest(12, length(first::text)), '0');
    enough constant int := 4;
    largest constant bigint := 100000000;
    head bigint; ends bigint; ahead int;
begin
    perform pg_advisory_xact_lock(hashtext('makima.partitions'), hashtext('event_log.events'));
    select e.position into head from event_log.events as e order by e.position desc limit 1;
    select max(upper), count(*) filter (where lower > coalesce(head, 0) + 1) into ends, ahead
    from (select bounds[1]::bigint as lower, bounds[2]::bigint as upper
          from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
          cross join lateral regexp_match(pg_get_expr(c.relpartbound, c.oid), $re$FROM \('?(\d+)'?\) TO \('?(\d+)'?\)$re$) as bounds
          where i.inhparent = 'event_log.events'::regclass) as range;
    if first <> coalesce(ends, first) or beyond <= first or beyond - first > largest or ahead >= enough then
        raise exception 'no partition of the log from % to %: the last one ends at %, and % empty ones are ahead', first, beyond, ends, ahead
            using errcode = 'invalid_parameter_value';
    end if;
    execute format('create table event_log.%I (like event_log.events including all)', made);
    execute format('alter table event_log.%I add check (position >= %s and position < %s)', made, first, beyond);
    execute format('create unique index on event_log.%I (tenant, stream, version)', made);
    execute format('create trigger never_emptied before truncate on event_log.%I for each statement execute function event_log.refuse_change()', made);
    execute format('alter table event_log.%I enable always trigger never_emptied', made);
    execute format('alter table event_log.events attach partition event_log.%I for values from (%s) to (%s)', made, first, beyond);
    return made;
end $$;
revoke execute on function event_log.make_partition(bigint, bigint) from public;

-- Deletes at most `slice` answers to commands that are older than `kept`; returns how many. The limit keeps the vacuum of the dead rows small: a large
-- one would delay appends.
create function event_log.prune_commands(kept interval, slice int) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    pruned bigint;
begin
    if kept < interval '30 days' then
        raise exception 'answers to commands are kept 30 days, and not %', kept using errcode = 'invalid_parameter_value';
    end if;
    delete from event_log.commands
    where ctid = any (array(select ctid from event_log.commands where recorded_at < clock_timestamp() - kept limit slice));
    get diagnostics pruned = row_count;
    return pruned;
end $$;
revoke execute on function event_log.prune_commands(interval, int) from public;
