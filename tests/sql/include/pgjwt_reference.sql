-- What pgjwt 0.2.0 computes, as SQL over pgcrypto with the same labels, the same steps and the same
-- order of them; made in the first schema of search_path, which must stay in it: the bodies name none.
CREATE FUNCTION url_encode(data bytea) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT translate(encode($1, 'base64'), E'+/=\n', '-_') $$;

CREATE FUNCTION url_decode(data text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT decode(s.base64 || repeat('=', (4 - length(s.base64) % 4) % 4), 'base64')
    FROM (SELECT translate($1, '-_', '+/') OFFSET 0) AS s (base64)
$$;

CREATE FUNCTION algorithm_sign(signables text, secret text, algorithm text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT url_encode(hmac($1, $2, hash.name))
    FROM (SELECT CASE $3 WHEN 'HS256' THEN 'sha256' WHEN 'HS384' THEN 'sha384' WHEN 'HS512' THEN 'sha512' ELSE '' END OFFSET 0) AS hash (name)
$$;

CREATE FUNCTION sign(payload json, secret text, algorithm text DEFAULT 'HS256') RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT j.signed || '.' || algorithm_sign(j.signed, $2, $3)
    FROM (SELECT url_encode(convert_to('{"alg":"' || $3 || '","typ":"JWT"}', 'utf8')) || '.' || url_encode(convert_to($1::text, 'utf8')) OFFSET 0) AS j (signed)
$$;

CREATE FUNCTION try_cast_double(inp text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN $1::double precision;
EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
END $$;

CREATE FUNCTION verify(token text, secret text, algorithm text DEFAULT 'HS256')
RETURNS TABLE (header json, payload json, valid boolean) LANGUAGE sql IMMUTABLE AS $$
    SELECT j.header, j.payload,
           j.is_signed AND tstzrange(to_timestamp(try_cast_double(j.payload->>'nbf')), to_timestamp(try_cast_double(j.payload->>'exp'))) @> CURRENT_TIMESTAMP
    FROM (SELECT convert_from(url_decode(part[1]), 'utf8')::json AS header,
                 convert_from(url_decode(part[2]), 'utf8')::json AS payload,
                 part[3] = algorithm_sign(part[1] || '.' || part[2], $2, $3) AS is_signed
          FROM regexp_split_to_array($1, '\.') AS part) AS j
$$;
