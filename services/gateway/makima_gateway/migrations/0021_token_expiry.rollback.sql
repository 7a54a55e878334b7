-- Tokens have no end again.
alter table tokens drop column expires_at, drop column last_used_at;
