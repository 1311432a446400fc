-- For allocation.sh: calls whose memory fails, one allocation after the other, each in a subtransaction of its own.
CREATE FUNCTION fail_at(text, int, boolean) RETURNS int LANGUAGE c AS :'library', 'fail_at';
-- Errors as they were said, for secrets to be looked for in.
CREATE TABLE errors (text text);

-- What a call says, a value or an error, with the n-th allocation and perhaps all after it failing.
CREATE FUNCTION attempt(call text, whose text, n int, lasting boolean, OUT said text, OUT failed int) LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    hint text;
BEGIN
    -- nothing kept from before: proofs, keys, prepared sets
    PERFORM set_config('pg_principal.clock_skew', '31', true);
    PERFORM fail_at(whose, n, lasting);
    EXECUTE 'SELECT ' || call INTO said;
    failed := fail_at(whose, 0, false);
    said := 'value ' || coalesce(said, 'NULL');
    RAISE EXCEPTION USING ERRCODE = 'P0099'; -- rolled back
EXCEPTION WHEN OTHERS THEN
    IF SQLSTATE = 'P0099' THEN
        RETURN;
    END IF;
    failed := fail_at(whose, 0, false);
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    said := concat_ws(' ', SQLSTATE, SQLERRM, detail, hint);
END $$;

-- Without what is another at each call: tokens, keys, ids, times, numbers.
CREATE FUNCTION masked(said text) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT regexp_replace(regexp_replace(said, '[A-Za-z0-9_+/=.-]{20,}|[0-9]+[.][0-9]+(e-[0-9]+)?', '#', 'g'), '[0-9]+', '0', 'g') $$;

-- What may be said instead of the right answer. OpenSSL does not always tell that it was memory it lacked (a context that
-- it could not make, keys and signatures that it could not finish): such an error is an internal one. So are the server's
-- own when it calls OpenSSL for hashes and random bytes.
CREATE FUNCTION lacks_memory(said text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT said ~ '^(53200 out of memory|XX000 (cryptographic operation failed: (?!the sealed)[a-zA-Z ]+|could not .*)) *$' $$;

-- To some lacks of memory OpenSSL answers that a good signature is none (PSS, EdDSA). Asking twice would make a forged one
-- cost two good ones, so this no is let stand: it refuses, and the next call is right.
CREATE FUNCTION is_refusal(call text, said text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
$$ SELECT said = 'value NULL' AND call LIKE '%auth.jws_verify(%' OR said = 'value bad signature' AND call LIKE '%auth.verify_foreign_token(%' $$;

-- One check of doctor that lacks memory is a finding, and the others go on.
CREATE FUNCTION goes_on(call text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT call LIKE '%auth.check_installation(%' $$;

-- Each allocation of C++ fails once: out of memory every time.
CREATE FUNCTION exhaust_new(call text, OUT failures int, OUT others text) LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    failures := 0;
    FOR n IN 1..20000 LOOP
        SELECT * INTO given FROM attempt(call, 'operator new', n, false);
        EXIT WHEN given.failed = 0; -- there are no more than n - 1
        failures := failures + 1;
        IF given.said NOT LIKE '53200 %' AND NOT goes_on(call) THEN
            others := concat_ws(' ', others, n || ': ' || left(given.said, 60));
        END IF;
    END LOOP;
END $$;

-- Each allocation of the libraries fails once, at most `most` of them evenly spread, alone or with all that follow it: the
-- right answer, which may be a refusal, or an error that is no answer; and with memory again the right answer.
CREATE FUNCTION exhaust_libraries(call text, most int, lasting boolean, OUT failures int, OUT internal int, OUT others text) LANGUAGE plpgsql AS $$
DECLARE
    right_answer text := (SELECT masked(said) FROM attempt(call, 'libraries', 0, false));
    again text := (SELECT masked(said) FROM attempt(call, 'libraries', 0, false));
    series int := (SELECT failed FROM attempt(call, 'libraries', -1, false));
    given record;
    n int := 1;
BEGIN
    failures := 0;
    internal := 0;
    IF right_answer <> again THEN -- only which kind of answer it is
        right_answer := left(right_answer, 5);
    END IF;
    WHILE true LOOP
        SELECT * INTO given FROM attempt(call, 'libraries', n, lasting);
        EXIT WHEN given.failed = 0;
        failures := failures + 1;
        IF given.said NOT LIKE 'value %' THEN
            INSERT INTO errors VALUES (given.said);
        END IF;
        IF lacks_memory(given.said) THEN
            internal := internal + (given.said LIKE 'XX000%')::int;
        ELSIF NOT starts_with(masked(given.said), right_answer) AND NOT is_refusal(call, given.said) THEN
            others := concat_ws(' ', others, n || ': ' || left(given.said, 60));
        END IF;
        SELECT * INTO given FROM attempt(call, 'libraries', 0, false);
        IF NOT starts_with(masked(given.said), right_answer) THEN
            others := concat_ws(' ', others, 'after ' || n || ': ' || left(given.said, 60));
        END IF;
        n := n + 1 + series / most;
    END LOOP;
END $$;

-- In a session that has used nothing yet: the same, for one allocation.
CREATE FUNCTION first_use(call text, n int, right_answer text, OUT failures int, OUT others text) LANGUAGE plpgsql AS $$
DECLARE
    given record;
BEGIN
    SELECT * INTO given FROM attempt(call, 'libraries', n, false);
    failures := given.failed;
    IF NOT lacks_memory(given.said) AND masked(given.said) <> right_answer AND NOT is_refusal(call, given.said) THEN
        others := n || ': ' || left(given.said, 60);
    END IF;
    SELECT * INTO given FROM attempt(call, 'libraries', 0, false);
    IF masked(given.said) <> right_answer THEN
        others := concat_ws(' ', others, 'after ' || n || ': ' || left(given.said, 60));
    END IF;
END $$;
