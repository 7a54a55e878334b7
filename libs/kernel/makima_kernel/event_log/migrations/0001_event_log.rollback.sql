-- Takes the tables away again, but never a history.
do $$
begin
    if exists (select from event_log.events) then
        raise exception 'the log holds events and is not dropped: drop the database if you mean it' using errcode = 'restrict_violation';
    end if;
end $$;
drop table event_log.snapshots, event_log.checkpoints, event_log.commands, event_log.events, event_log.streams, event_log.identity;
drop function event_log.refuse_change();
