-- Daemons have tokens alone again; the broker's own list of them stays until it is written anew.
alter table tokens drop column nats_user, drop column nats_password_hash;
