-- Where the tables of the log are: the cluster, its timeline, the database and the table, which a restore or the promotion of a
-- replica changes. Null where the server does not tell (a managed service), and on a replica that is not promoted.
create function event_log.place() returns text language plpgsql stable as $$
begin
    return (
        select format('system %s, timeline %s, database %s, table %s', control.system_identifier,
                      ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint,
                      (select oid from pg_database where datname = current_database()), 'event_log.identity'::regclass::oid)
        from pg_control_system() as control
    );
exception when insufficient_privilege or feature_not_supported or object_not_in_prerequisite_state then
    return null;
end $$;
-- Where they were when the log was last compared with the broker's stream, or got its epoch. Null: not known yet.
alter table event_log.identity add column place text;
