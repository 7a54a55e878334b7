-- Browsers have to sign in again.
drop table sign_in_codes, sessions;
