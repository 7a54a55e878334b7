-- Browsers that are signed in, and the one-time codes that sign them in. Only hashes of the secrets are stored. Both
-- belong to a token and end with it. No part of the read model: a rebuild leaves them alone.
create table sessions (
  id text primary key,
  hash bytea not null unique check (length(hash) = 32),
  token_id text not null references tokens on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null
);
create index sessions_of_token on sessions (token_id);
create table sign_in_codes (
  hash bytea primary key check (length(hash) = 32),
  token_id text not null references tokens on delete cascade,
  expires_at timestamptz not null
);
create index sign_in_codes_of_token on sign_in_codes (token_id, expires_at);
