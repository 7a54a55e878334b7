-- The gateway's read model: what GET answers and what the monitor socket replays. Everything here can be rebuilt from the log.
create table contracts (
  tenant text not null,
  id text not null,
  name text not null,
  description text not null,
  contract_type text not null,
  owner_id text not null,
  status text not null check (status in ('created', 'active', 'waiting_for_input', 'paused', 'blocked', 'completing', 'completed', 'failed', 'archived')),
  phase text not null,
  phases json not null,
  deliverables json not null,
  version bigint not null,
  phase_guard boolean not null,
  auto_complete_enabled boolean not null,
  stale_after_seconds bigint,
  tasks_total integer not null,
  tasks_pending integer not null,
  tasks_claimed integer not null,
  tasks_running integer not null,
  tasks_completed integer not null,
  tasks_failed integer not null,
  waiting_for text,
  validated boolean,
  blocked_reason text,
  failure_reason text,
  stale boolean not null,
  supervisor_task_id text,
  supervisor_alive boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  status_changed_at timestamptz not null,
  last_activity_at timestamptz not null,
  completion_detected_at timestamptz,
  created_position bigint not null,
  primary key (tenant, id)
) with (fillfactor = 70);
-- Both lists end in the creation's position: it never changes, so a cursor stays right while rows do.
create index contracts_newest on contracts (tenant, created_position desc);
create index contracts_newest_of_status on contracts (tenant, status, created_position desc);

create table tasks (
  tenant text not null,
  contract_id text not null,
  id text not null,
  name text not null,
  phase text not null,
  role text,
  plan text,
  status text not null check (status in ('pending', 'claimed', 'running', 'completed', 'failed')),
  connection_id text,
  result text,
  is_supervisor boolean not null,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  created_position bigint not null,
  primary key (tenant, contract_id, id)
) with (fillfactor = 80);
create index tasks_in_order on tasks (tenant, contract_id, created_position);

create table questions (
  tenant text not null,
  contract_id text not null,
  id text not null,
  question text not null,
  question_type text not null,
  options json not null,
  status text not null check (status in ('open', 'answered')),
  answer text,
  asked_at timestamptz not null,
  answered_at timestamptz,
  asked_position bigint not null,
  primary key (tenant, contract_id, id)
) with (fillfactor = 80);
create index questions_in_order on questions (tenant, contract_id, asked_position);

create table messages (
  tenant text not null,
  contract_id text not null,
  position bigint not null,
  id text not null,
  role text not null,
  content text not null,
  sent_at timestamptz not null,
  primary key (tenant, contract_id, position)
);

create table supervisors (
  tenant text not null,
  task_id text not null,
  contract_id text not null,
  daemon_id text not null,
  connection_id text,
  state text not null,
  phase text not null,
  alive boolean not null,
  registered_at timestamptz not null,
  changed_at timestamptz not null,
  evidence json,
  primary key (tenant, task_id)
) with (fillfactor = 80);

create table daemons (
  tenant text not null,
  id text not null,
  hostname text not null,
  connected boolean not null,
  registered_at timestamptz not null,
  changed_at timestamptz not null,
  evidence json,
  primary key (tenant, id)
) with (fillfactor = 80);

-- What the monitor socket says, as it says it: replayed after a reconnect, and read by every replica for the live sockets.
create table monitor_events (
  position bigint not null,
  tenant text not null,
  contract_id text not null,
  old_status text,
  status text,
  type text not null,
  message json not null,
  primary key (position)
);
