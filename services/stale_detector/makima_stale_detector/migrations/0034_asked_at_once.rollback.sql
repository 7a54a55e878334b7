-- Asks for roles only once their tasks have waited too long, as before.
alter table role_tasks drop column asked_at_once;
