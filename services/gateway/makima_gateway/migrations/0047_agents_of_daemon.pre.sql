-- The agents that one daemon runs, over all contracts.
create index agents_of_daemon on agents (tenant, daemon_id) where not hidden;
