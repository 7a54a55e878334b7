-- Takes the index away by which a contract's agents are counted.
drop index senders_agents;
