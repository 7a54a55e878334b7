-- The roles stay; what they were granted on these functions goes with them. Services of before need a role that owns the tables of the log.
drop function event_log.prune_commands(interval, int);
drop function event_log.make_partition(bigint, bigint);
alter function event_log.append(text[], text[], uuid[], bytea[], bigint[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[])
    security invoker reset search_path;
grant execute on function event_log.append(text[], text[], uuid[], bytea[], bigint[], text[], bigint[], json[], int[], uuid[], text[], smallint[], json[])
    to public;
