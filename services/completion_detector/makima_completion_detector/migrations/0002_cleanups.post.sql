-- Nobody reads them here any more.
alter table todo drop column cleanup_episode, drop column cleanup_deadline;
