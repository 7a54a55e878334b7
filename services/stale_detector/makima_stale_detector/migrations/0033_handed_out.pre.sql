-- A restoration handed out the supervisor's connection: a heartbeat of one that was never seen proves no life of it.
alter table senders add column handed_out boolean not null default false;
