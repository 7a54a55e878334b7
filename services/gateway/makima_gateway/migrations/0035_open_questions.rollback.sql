-- Open questions are found by contract.
drop index questions_open;
