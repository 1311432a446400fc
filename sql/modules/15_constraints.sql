-- What constraints ask. PostgreSQL reads the expression of each constraint anew for every statement
-- that writes: where much is written, one function is asked instead of many expressions.

CREATE OR REPLACE FUNCTION auth.check_session(
    role text, user_id uuid, origin text, label text, revoked_as text, agents uuid[],
        agent_generations integer[]) RETURNS boolean
LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'pg_principal_check_session';
COMMENT ON FUNCTION auth.check_session(text, uuid, text, text, text, uuid[], integer[]) IS
'For the constraint of auth.sessions: true, or 23514 and what is wrong.';
