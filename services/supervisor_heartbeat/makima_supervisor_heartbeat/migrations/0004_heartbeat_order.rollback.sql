-- Forgets the order within connections; what arrives counts as the newest.
alter table latest drop column seq, drop column seq_of;
