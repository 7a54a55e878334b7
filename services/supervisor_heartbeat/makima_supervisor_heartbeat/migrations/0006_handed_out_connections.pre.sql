-- The connection that was handed out to a contract's supervisor with its assignment, and the supervisor's task; null: none was.
alter table assignments add column connection_id text, add column task_id text;
