-- Tokens end; those made before this have no end. When one was last used is written now and then, not at each request.
alter table tokens add column expires_at timestamptz, add column last_used_at timestamptz;
