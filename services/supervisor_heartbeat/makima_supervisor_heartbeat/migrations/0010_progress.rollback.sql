-- Forgets since when senders stand still: a new start counts from each sender's next heartbeat.
alter table assignments drop column waits, drop column moved_at, drop column asked_from;
alter table latest drop column progress_ns, drop column judged_ns, drop column progress_of;
