-- A daemon's token comes with a user of the broker; its password is kept as the broker takes it, hashed with bcrypt.
alter table tokens add column nats_user text unique, add column nats_password_hash text;
alter table tokens add check ((nats_user is null) = (nats_password_hash is null));
alter table tokens add check (nats_user is null or role = 'daemon');
