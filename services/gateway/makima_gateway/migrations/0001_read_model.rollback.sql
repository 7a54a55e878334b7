-- Takes the read model away; the log can make it again.
drop table monitor_events, daemons, supervisors, messages, questions, tasks, contracts;
