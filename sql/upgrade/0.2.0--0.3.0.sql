-- By hand: what 20_tables.sql has and 0.2.0 had not, as 0.1.0--0.2.0.sql tells.

-- Tokens say there what is ours to say, over whatever a row had.
UPDATE auth.users SET raw_app_meta_data = raw_app_meta_data - 'pg_principal' WHERE raw_app_meta_data ? 'pg_principal';
