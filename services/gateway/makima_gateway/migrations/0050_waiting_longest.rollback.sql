-- What waits is found by its status, and sorted.
drop index contracts_waiting_longest;
