-- name: attached
-- Every partition of a table with its bounds, and whether a concurrent detach of it began but did not finish.
select c.relname, pg_get_expr(c.relpartbound, c.oid), i.inhdetachpending
from pg_inherits as i
join pg_class as c on c.oid = i.inhrelid
where i.inhparent = $1::text::regclass
order by c.relname

-- name: creation
-- Builds the statements that create and attach a partition. Unlike CREATE … PARTITION OF, none of them waits
-- for readers or writers.
select array_to_string(array[
    format('create table %s (like %s including all)', made.name, parent.name),
    format('alter table %s add check (%3$I >= %2$L and %3$I < %4$L)', made.name, $3::text, parent.key, $4::text),
    format('alter table %s attach partition %s for values from (%L) to (%L)', parent.name, made.name, $3::text, $4::text)
], '; ')
from (select format('%I.%I', n.nspname, c.relname) as name, n.nspname as schema, a.attname as key
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      join pg_partitioned_table as p on p.partrelid = c.oid
      join pg_attribute as a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
      where c.oid = $1::text::regclass) as parent
cross join lateral (select format('%I.%I', parent.schema, $2::text) as name) as made

-- name: log_partition
-- Creates and attaches the log's partition from $1 to before $2, with the rights of the log's owner.
select event_log.make_partition($1, $2)

-- name: exclusive
-- Lets only one replica at a time create the partitions of a table.
select pg_advisory_xact_lock(hashtext('makima.partitions'), hashtext($1))

-- name: detachment
-- Builds the statement that begins (or, if $3, finishes) a concurrent detach:
-- it blocks no readers or writers.
select format('alter table %I.%I detach partition %I.%I %s', n.nspname, c.relname, n.nspname, $2::text, case when $3 then 'finalize' else 'concurrently' end)
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = $1::text::regclass

-- name: detached
-- Detached partitions whose tables still exist: their name, and the statement that drops them.
select c.relname, format('drop table %I.%I', n.nspname, c.relname)
from pg_class as parent
join pg_namespace as n on n.oid = parent.relnamespace
join pg_class as c on c.relnamespace = n.oid and c.relkind = 'r' and not c.relispartition and c.relname ~ ('^' || parent.relname || '_p[0-9]+$')
where parent.oid = $1::text::regclass
order by c.relname

-- name: head
-- The next position of the log.
select coalesce((select position from event_log.events order by position desc limit 1), 0) + 1

-- name: now
-- The current time by the database's clock, because the clocks of replicas may differ.
select clock_timestamp()
