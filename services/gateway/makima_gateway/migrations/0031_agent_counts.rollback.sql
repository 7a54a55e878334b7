drop table agent_counts;
