-- Agents are senders, too. Their status: who is being restarted has a deadline, and who is dead for long is cleaned up.
alter table senders add column status text, add column status_version bigint not null default 0, add column status_since timestamptz;
create index senders_dead_agents on senders (status_since, name) where status in ('dead', 'dead_failed_revive');
