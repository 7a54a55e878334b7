-- name: exclusive
-- Lets only one process at a time change the roles' rights in this database.
select pg_advisory_xact_lock(hashtext('makima.roles'))

-- name: survey
-- Of each role: whether it is missing, whether it may do anything, and whether we may create roles.
select wanted.role, found.oid is null as missing, coalesce(found.rolsuper, false) as superuser,
       (select rolsuper or rolcreaterole from pg_roles where rolname = current_user) as may_create
from unnest($1::text[]) as wanted (role)
left join pg_roles as found on found.rolname = wanted.role

-- name: creation
-- The statement that creates a role, which cannot log in.
select format('create role %I', $1::text)

-- name: memberships
-- The statements that let us act as the roles that we do not act as yet: only then can we give them what we own,
-- and go on with it. A superuser needs none.
select format('grant %I to %I with inherit true, set true', role, current_user)
from unnest($1::text[]) as role
where not (pg_has_role(current_user, role, 'USAGE') and pg_has_role(current_user, role, 'SET'))

-- name: ownership
-- The statements that give the schema $1, and all that is in it, to the role $2; none if it has that. Former owners
-- (an operator's one role for all services) become members of the role, and so lose nothing; superusers and other
-- services' roles ($3) do not.
with place as (
    select n.oid, n.nspname as name, n.nspowner as owner, r.oid as role from pg_namespace as n, pg_roles as r
    where n.nspname = $1 and r.rolname = $2
), things as (
    select c.relowner as owner, c.relkind = 'c' as by_type,
           case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'c' then 'type' else 'table' end
           || format(' %I.%I', place.name, c.relname) as named
    from pg_class as c join place on c.relnamespace = place.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'c')
      and not (c.relkind = 'S' and exists (select from pg_depend as d where d.objid = c.oid and d.deptype in ('a', 'i') and d.refobjsubid > 0))
    union all
    select p.proowner, false, 'routine ' || p.oid::regprocedure from pg_proc as p join place on p.pronamespace = place.oid
    union all
    select t.typowner, false, format('type %I.%I', place.name, t.typname)
    from pg_type as t join place on t.typnamespace = place.oid where t.typtype in ('d', 'e')
    union all
    select place.owner, false, format('schema %I', place.name) from place
), foreign_things as (
    select things.* from things, place where things.owner <> place.role
)
select statement from (
    select distinct 1 as step, format('grant %I to %I', $2::text, r.rolname) as statement
    from foreign_things join pg_roles as r on r.oid = foreign_things.owner
    where not r.rolsuper and r.rolname <> all ($3::text[]) and not pg_has_role(r.oid, $2, 'USAGE')
    union all
    -- The schema first: its owner is who may own what is in it.
    select case when named like 'schema %' then 2 else 3 end, format('alter %s owner to %I', named, $2::text) from foreign_things
) as statements
order by step, statement

-- name: workshop
-- The statement that creates the schema in which the role $2 rebuilds the tables of its schema $1: the role may
-- create no schemas itself.
select format('create schema %I authorization %I', $1::text || '__next', $2::text)
where not exists (select from pg_namespace where nspname = $1 || '__next')

-- name: grants
-- The statements that leave each service's role exactly this of the log: reading, adding by `append`, the upkeep that
-- the owner's functions do, and the place of the log, the checkpoints and the snapshots, which are its services' own.
select string_agg(format('
    revoke all on all tables in schema event_log from %1$I;
    revoke all on all routines in schema event_log from %1$I;
    grant usage on schema event_log to %1$I;
    grant select on event_log.events, event_log.streams, event_log.commands, event_log.identity to %1$I;
    grant select, insert, update, delete on event_log.checkpoints to %1$I;
    grant select, insert, update on event_log.snapshots to %1$I;
    grant update (place) on event_log.identity to %1$I;
    grant execute on routine %2$s to %1$I;
', role, routines.named), '')
from unnest($1::text[]) as role,
     -- By their arguments: while an upgrade goes on, there is one `append` for each of two versions.
     (select string_agg(oid::regprocedure::text, ', ') as named from pg_proc
      where pronamespace = 'event_log'::regnamespace and proname in ('append', 'make_partition', 'prune_commands', 'place')) as routines

-- name: database
-- The statements that let roles connect and stage rows in temporary tables, where not everybody may (the default).
select format('grant connect, temporary on database %I to %I', current_database(), role)
from unnest($1::text[]) as role
where not (has_database_privilege(role, current_database(), 'CONNECT') and has_database_privilege(role, current_database(), 'TEMP'))

-- name: login
-- The statement that lets a role log in, with a password if $2 is one.
select format('alter role %I login', $1::text) || coalesce(format(' password %L', $2::text), '')
