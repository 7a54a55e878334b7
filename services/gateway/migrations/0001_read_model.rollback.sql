drop table monitor_events, daemons, supervisors, messages, questions, tasks, contracts;
