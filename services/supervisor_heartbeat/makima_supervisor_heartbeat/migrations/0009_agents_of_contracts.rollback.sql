drop index senders_agents;
