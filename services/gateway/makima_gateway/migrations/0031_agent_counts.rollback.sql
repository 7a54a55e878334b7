-- The counts of agents are no longer kept.
drop table agent_counts;
