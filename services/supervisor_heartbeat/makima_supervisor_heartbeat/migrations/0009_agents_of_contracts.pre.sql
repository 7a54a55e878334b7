-- How many agents a contract has is asked for each new role, also where there are very many senders.
create index senders_agents on senders (tenant, split_part(substr(stream, 7), ':', 1)) where starts_with(stream, 'agent-');
