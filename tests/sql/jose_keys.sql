-- Keys: which are refused and why, algorithm confusion, sets, PEM, thumbprints.
\getenv here PG_ABS_SRCDIR
\set jose :here /sql/include/jose.sql
\set jose_end :here /sql/include/jose_end.sql
\i :jose

-- Thumbprints: RFC 7638 section 3.1, RFC 8037 A.3; the same for each form of a key, computed here by hand as well.
SELECT auth.jwk_thumbprint('{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4c'
    'bbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lq'
    't7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOp'
    'bISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz'
    'KnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}') =
    'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs' AS "RFC 7638", auth.jwk_thumbprint(jwk) =
    'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k' AS "RFC 8037" FROM regress_rfc WHERE name =
    '8037 A.4';
SELECT name, auth.jwk_thumbprint(jwk) = regress_url(digest(CASE jwk->>'kty' WHEN 'oct' THEN
    format('{"k":"%s","kty":"oct"}', jwk->>'k') WHEN 'RSA' THEN
    format('{"e":"%s","kty":"RSA","n":"%s"}', jwk->>'e', jwk->>'n')
        WHEN 'OKP' THEN format('{"crv":"%s","kty":"OKP","x":"%s"}', jwk->>'crv', jwk->>'x') ELSE
            format('{"crv":"%s","kty":"EC","x":"%s","y":"%s"}', jwk->>'crv', jwk->>'x', jwk->>'y')
            END, 'sha256')) AS by_hand,
    CASE jwk->>'kty' WHEN 'oct' THEN NULL ELSE auth.jwk_thumbprint(auth.public_jwk(jwk)) =
        auth.jwk_thumbprint(jwk) END AS public, CASE jwk->>'kty' WHEN 'oct' THEN NULL ELSE
        auth.jwk_thumbprint(auth.pem_to_jwk(auth.public_pem(jwk))) = auth.jwk_thumbprint(jwk) END AS
        pem,
    auth.jwk_thumbprint(jwk || '{"kid": "another", "use": "sig", "x5t": "ignored"}') =
        auth.jwk_thumbprint(jwk) AS other_members FROM regress_rfc ORDER BY name;
-- public halves have no private member
SELECT name, (SELECT string_agg(m, ' ' ORDER BY m COLLATE "C") FROM
    jsonb_object_keys(auth.public_jwk(jwk)) AS m) AS members, auth.public_jwk(jwk) - ARRAY['use',
    'kid', 'alg'] <@ jwk AS same FROM regress_rfc WHERE jwk->>'kty' <> 'oct' ORDER BY name;
SELECT regress_try(format('SELECT auth.public_jwk(%L)', :'secret')),
    regress_try(format('SELECT auth.public_pem(%L)', :'secret'));

-- Refused JWKs: an error that says why, not NULL, for verifying as well; none of them quotes the key.
CREATE TEMP TABLE bad (n int, what text, jwk jsonb);
INSERT INTO bad VALUES
    (1, 'no object', '[]'),
    (2, 'a number', '1'),
    (3, 'null', 'null'),
    (4, 'empty', '{}'),
    (5, 'kty a number', '{"kty":1}'),
    (6, 'kty unknown', '{"kty":"XYZ"}'),
    (7, 'kty in lower case', '{"kty":"ec","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPH'
        'vRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-'
        '0iY7X1fCE9-E9LI"}'),
    (8, 'k missing', '{"kty":"oct"}'),
    (9, 'k null', '{"kty":"oct","k":null}'),
    (10, 'k empty', '{"kty":"oct","k":""}'),
    (11, 'k short', '{"kty":"oct","k":"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eA"}'),
    (12, 'k long', ('{"kty":"oct","k":"' || repeat('eHh4', 2731) || '"}')::jsonb),
    (13, 'k padded', '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q="}'),
    (14, 'k with space',
        '{"kty":"oct","k":" YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q"}'),
    (15, 'k with trailing bits', '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"}'),
    (16, 'k standard base64',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGV++//"}'),
    (17, 'kid a number',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","kid":1}'),
    (18, 'alg a list',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","alg":[]}'),
    (19, 'alg unknown',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","alg":"A256GCM"}'),
    (20, 'alg none',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","alg":"none"}'),
    (21, 'alg of another type',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","alg":"RS256"}'),
    (22, 'alg of another curve', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus'
        '9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136csp'
        'YG6-0iY7X1fCE9-E9LI","alg":"ES384"}'),
    (23, 'alg too long for k',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","alg":"HS512"}'),
    (24, 'use enc',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","use":"enc"}'),
    (25, 'use true',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","use":true}'),
    (26, 'key_ops empty',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","key_ops":[]}'),
    (27, 'key_ops foreign', '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q"'
        ',"key_ops":["encrypt"]}'),
    (28, 'key_ops a text',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","key_ops":"sign"}'),
    (29, 'key_ops of a number',
        '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q","key_ops":[1]}'),
    (30, 'key_ops repeated', '{"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgYXQgbGVhc3Q'
        '","key_ops":["sign","sign"]}'),
    (31, 'n missing', '{"kty":"RSA","e":"AQAB"}'),
    (32, 'e missing', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx'
        'HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo'
        '9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4'
        'uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g'
        'b54h4FRWyuXpoQ"}'),
    (33, 'n with leading zero', '{"kty":"RSA","n":"AJ-BD7QDgnPQJZHkBz8x0rYAG4LO202S8FAWXUfPyrijxBy3'
        'eKx1U3k_jvl1do0aI3TYcSVkw7zXe56kNFRImUB8_wCZkgqTGiTEQUhSqym9sKlcBlPzbGDmC_kLYljdpW83BHulwt'
        'HQKa-cnUC6x6pBx4oN0QaK3WmegI_qAR6hRB2KT3u06Xvjn1Xx3dROnEujNRWXA9TTS2A-ZRR6TyPW08CZbHXt7oRq'
        'gtGQrhB4PJYc8Dh67SEG0tBVW2_ZN_rVU1OH4P9y_754lBQCsLgi6ip0tgWMHav5s0p2y2O4f6osaEe44oN__5EYbm'
        'scFJEc-YmokJKoHOYB3azT-c8","e":"Aw"}'),
    (34, 'e with leading zero', '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4'
        'rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0d'
        'Apr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC'
        '0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuax'
        'wUkRz5iaiQkqgc5gHdrNP5zw","e":"AAM"}'),
    (35, 'e 1', '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRoj'
        'dNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig'
        '3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrt'
        'IQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5g'
        'HdrNP5zw","e":"AQ"}'),
    (36, 'e even', '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2j'
        'RojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkH'
        'Hig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwO'
        'HrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqg'
        'c5gHdrNP5zw","e":"AQA"}'),
    (37, 'e of 72 bits', '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-'
        'O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQ'
        'LrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg'
        '8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5i'
        'aiQkqgc5gHdrNP5zw","e":"AQEBAQEBAQEB"}'),
    (38, '2040 bits', '{"kty":"RSA","n":"gQ-0A4Jz0CWR5Ac_MdK2ABuCzttNkvBQFl1Hz8q4o8Qct3isdVN5P475dX'
        'aNGiN02HElZMO813uepDRUSJlAfP8AmZIKkxokxEFIUqspvbCpXAZT82xg5gv5C2JY3aVvNwR7pcLR0CmvnJ1Auseq'
        'QceKDdEGit1pnoCP6gEeoUQdik97tOl7459V8d3UTpxLozUVlwPU00tgPmUUek8j1tPAmWx17e6EaoLRkK4QeDyWHP'
        'A4eu0hBtLQVVtv2Tf61VNTh-D_cv--eJQUArC4IuoqdLYFjB2r-bNKdstjuH-qLGhHuOKDf_-RGG5rHBSRHPmJqJCS'
        'qBzmAd2s0_nP","e":"Aw"}'),
    (39, '2047 bits', '{"kty":"RSA","n":"f4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-X'
        'V2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrH'
        'qkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lh'
        'zwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQ'
        'kqgc5gHdrNP5zw","e":"Aw"}'),
    (40, '16392 bits', ('{"kty":"RSA","n":"' || repeat('_', 2732) || '","e":"Aw"}')::jsonb),
    (41, 'even modulus', '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-'
        'O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQ'
        'LrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg'
        '8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5i'
        'aiQkqgc5gHdrNP5Ag","e":"Aw"}'),
    (42, 'ROCA', '{"kty":"RSA","n":"gBjxNV9VcgMwGFDFo4_VR5I6c2mU47-RGmHb4i5EFYuul7qU0O2oL49tBVhO-Ko'
        '4kidmWB4nocCKamPsJO3mpGtMskJKI9WWIhe-rdvElsuOgZc-C-zXsDiY0ZD569rMDLHinGWM2hSV5gr1k70Ezw_WM'
        'PHynQ2plT9I8aCfdrWhcLM4OSYxcAjF5xHiBE-DgiKNi_3RwZhLIml8tZ8Dgrb7f0HT9GCm_39_N7CZUp_Lm49fOr3'
        'F6wqeaRPvVYORNM6ejcYKbVDvsb5xFI_vH87M9YUCc3S7gJSXbZtjkV69VWVGoa1TWPef8HQOEP5jUp6WGQ71ghXLZ'
        'D4D5Lv9vQ","e":"AQAB"}'),
    (43, 'oth', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp'
        '-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb'
        '_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxv'
        'b3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4F'
        'RWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_G'
        'Q5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3'
        'E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb'
        '1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOV'
        'RuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3Kho'
        'oKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2'
        'XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFY'
        'Hj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9'
        'RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT'
        '_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAd'
        'Yo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2o'
        'Kr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiT'
        'HU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_'
        'QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3'
        'U","oth":[]}'),
    (44, 'primes without d', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W'
        '26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ'
        '47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtd'
        'VMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2P'
        'AcDTW9gb54h4FRWyuXpoQ","e":"AQAB","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvn'
        'EtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-'
        'nXqhJTBgIPgtldC-KDV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8Y'
        'AmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ'
        '11BKBBypeeF6689rjcJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71'
        'I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwr'
        'A86rZtu5Mbr1C1XsmvkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODs'
        'Wa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68'
        'm6_pbLBSp3nssTdlqvd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2'
        'oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A'
        '5603k2-ZQwVK0JKSHuLFkuQ3U"}'),
    (45, 'qi missing', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPdd'
        'xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZ'
        'o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY'
        '4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9'
        'gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97'
        'IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9'
        'kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6X'
        'CLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU9'
        '1p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l5'
        '8BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-K'
        'DV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1'
        'ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rj'
        'cJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxv'
        'uxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsm'
        'vkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB71'
        '9rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlq'
        'vd0tIiTHU"}'),
    (46, 'd changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx'
        'HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo'
        '9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4'
        'uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g'
        'b54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97I'
        'jlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9k'
        'JfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XC'
        'LQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91'
        'p1DhOVRuOopznw","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58'
        'BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KD'
        'V5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1Z'
        'Se7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjc'
        'JIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxvu'
        'xdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsmv'
        'kxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719'
        'rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqv'
        'd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mow'
        'X7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHu'
        'LFkuQ3U"}'),
    (47, 'p changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx'
        'HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo'
        '9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4'
        'uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g'
        'b54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97I'
        'jlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9k'
        'JfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XC'
        'LQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91'
        'p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58'
        'BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KD'
        'V5z-y2XDwGUU","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1Z'
        'Se7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjc'
        'JIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxvu'
        'xdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsmv'
        'kxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719'
        'rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqv'
        'd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mow'
        'X7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHu'
        'LFkuQ3U"}'),
    (48, 'q changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx'
        'HmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo'
        '9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4'
        'uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9g'
        'b54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97I'
        'jlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9k'
        'JfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XC'
        'LQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91'
        'p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58'
        'BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KD'
        'V5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1Z'
        'Se7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjc'
        'JIDEz9RWdU","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxvu'
        'xdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsmv'
        'kxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719'
        'rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqv'
        'd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mow'
        'X7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHu'
        'LFkuQ3U"}'),
    (49, 'dp changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPdd'
        'xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZ'
        'o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY'
        '4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9'
        'gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97'
        'IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9'
        'kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6X'
        'CLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU9'
        '1p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l5'
        '8BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-K'
        'DV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1'
        'ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rj'
        'cJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxv'
        'uxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsm'
        'vkxHQAdYo8","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB71'
        '9rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlq'
        'vd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mo'
        'wX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSH'
        'uLFkuQ3U"}'),
    (50, 'dq changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPdd'
        'xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZ'
        'o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY'
        '4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9'
        'gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97'
        'IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9'
        'kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6X'
        'CLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU9'
        '1p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l5'
        '8BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-K'
        'DV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1'
        'ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rj'
        'cJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxv'
        'uxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsm'
        'vkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB71'
        '9rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlq'
        'vd0tIiTHc","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mo'
        'wX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSH'
        'uLFkuQ3U"}'),
    (51, 'qi changed', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPdd'
        'xHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZ'
        'o9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY'
        '4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9'
        'gb54h4FRWyuXpoQ","e":"AQAB","d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97'
        'IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9'
        'kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6X'
        'CLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU9'
        '1p1DhOVRuOopznQ","p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l5'
        '8BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-K'
        'DV5z-y2XDwGUc","q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1'
        'ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rj'
        'cJIDEz9RWdc","dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9Ykxv'
        'uxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1Xsm'
        'vkxHQAdYo0","dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB71'
        '9rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlq'
        'vd0tIiTHU","qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2Mo'
        'wX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSH'
        'uLFkuQ3c"}'),
    (52, 'another key''s d', '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W'
        '26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ'
        '47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtd'
        'VMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2P'
        'AcDTW9gb54h4FRWyuXpoQ","e":"AQAB","d":"bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I'
        '78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1irkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ'
        '34ui_qOfkLnK9QWDDqpaIsA-bMwWWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWx'
        'qg82sXt2h-LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7'
        'gdsPfHPxxjVOcOpBrQzwQ"}'),
    (53, 'crv missing', '{"kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu'
        '9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
    (54, 'y missing', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
        '"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}'),
    (55, 'off the curve, x', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPH'
        'vRVEc","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (56, 'off the curve, y', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPH'
        'vRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a8"}'),
    (57, 'infinity', '{"kty":"EC","crv":"P-256","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","'
        'y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}'),
    (58, 'beyond the field', '{"kty":"EC","crv":"P-256","x":"______________________________________'
        '____8","y":"__________________________________________8"}'),
    (59, 'x short', '{"kty":"EC","crv":"P-256","x":"zc4ncPbEXUGDy-5v20t7WAczNXvp7xO6z248e9FURQ","y"'
        ':"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (60, 'x long', '{"kty":"EC","crv":"P-256","x":"AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF","y'
        '":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (61, 'P-521, x without its zero', '{"kty":"EC","kid":"bilbo.baggins@hobbiton.example","use":"si'
        'g","crv":"P-521","x":"cpkss6wI7PPlxj3t7A1RqMH3nvL4L5Tzxze_XeeYZnHqxiX-gle70DlGRMqqOq-PJ6RY'
        'X7vK0PJFdiAIXlyPQq0","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgD'
        'PrwQrJmbnX9cwlGfP-HqHZR1"}'),
    (62, 'another curve''s name', '{"kty":"EC","crv":"P-384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tu'
        's9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (63, 'secp256k1', '{"kty":"EC","crv":"secp256k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRV'
        'EU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (64, 'Ed25519 as EC', '{"kty":"EC","crv":"Ed25519","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHv'
        'RVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (65, 'EC d changed', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE'
        'U","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7'
        'X1fCE9-E9LA"}'),
    (66, 'EC d 0', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y"'
        ':"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
        'AAAAA"}'),
    (67, 'EC d the order', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR'
        'VEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"_____wAAAAD__________7zm-q2nF5'
        '6E87nKwvxjJVE"}'),
    (68, 'EC d short', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"'
        ',"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"mxCecZCYv5gEh98fXXfpyylgbr7SJjtfV8'
        'IT34T0sg"}'),
    (69, 'X25519', '{"kty":"OKP","use":"sig","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrw'
        'IaaPcHURo"}'),
    (70, 'P-256 as OKP', '{"kty":"OKP","use":"sig","crv":"P-256","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPap'
        'iMlrwIaaPcHURo"}'),
    (71, 'OKP x short', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"WpgBgrEKt9VL_tPJZAc6DuFy89qm'
        'IyWvAhpo9wdRGg"}'),
    (72, 'OKP x changed', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcv'
        'PapiMlrwIaaPcHURg","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'),
    (73, 'OKP d changed', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcv'
        'PapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2I"}'),
    (74, 'small order 1', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAA'
        'AAAAAAAAAAAAAAAAA"}'),
    (75, 'small order 2', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAAAAAAAA'
        'AAAAAAAAAAAAAAAIA"}'),
    (76, 'small order 3', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAA'
        'AAAAAAAAAAAAAAAAA"}'),
    (77, 'small order 4', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"7P________________________'
        '_______________38"}'),
    (78, 'small order 5', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"xxdqcD1N2E-6PAt2DRBnDyogU_'
        'osOczGTsf9d5KsA_o"}'),
    (79, 'small order 6', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"JuiVj8KyJ7BFw_SJ8u-Y8NXfrA'
        'XTxjM5sTgCiG1T_AU"}');
SELECT what, regress_try(format('SELECT auth.jws_verify(''a.b.c'', %L)', jwk)) FROM bad ORDER BY n;
SELECT count(*) FILTER (WHERE regress_try(format('SELECT auth.jwt_verify(''a.b.c'', %L)', jwk)) !~
    '^22') AS jwt_verify, count(*) FILTER (WHERE
    regress_try(format('SELECT auth.jws_sign(''x'', %L)', jwk)) !~ '^22') AS jws_sign, count(*)
    FILTER (WHERE regress_try(format('SELECT auth.jwk_thumbprint(%L)', jwk)) !~ '^22') AS
    jwk_thumbprint,
    count(*) FILTER (WHERE
        regress_try(format('SELECT auth.verify_signature(''HS256'', %L, '''', '''')', jwk)) !~
        '^22') AS verify_signature, count(*) FILTER (WHERE
        regress_try(format('SELECT auth.public_jwk(%L)', jwk)) !~ '^22') AS public_jwk FROM bad;
DROP TABLE bad;

-- Algorithm confusion (RFC 8725, section 2.1): a public key in any form is no secret, neither as a string nor in an oct.
SELECT what, regress_try(format('SELECT auth.jws_sign(''x'', %L)', regress_oct(secret))) AS oct,
    CASE WHEN secret LIKE '%-----BEGIN%' THEN 'a key' ELSE
    regress_try(format('SELECT auth.jws_sign(''x'', %L)', to_jsonb(secret))) END AS string FROM
    (VALUES
    (1, 'SPKI PEM',
        E'-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2\nsR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n-----END PUBLIC KEY-----\n'),
    (2, 'RSA SPKI PEM',
        E'-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmvClSFegi+vxtCime8rn\nKrZd0NERq9S7PZou8rfX+UR3T/FBxwmpRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10Y\nvJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLo\nLeHClfccB4fL3EzyspmQ1ookWI4VfmJ3HiPGzYNdcAeHSCSuzunjaP/fIYe3Jtzy\npmIjPswNrUw+NZDlxlvIWftAFMZXKvAkPghkDdHKFYgigXZWs5UD67UTZw7R0XG3\nidShPrth+fgjql4gWCi4RqfsNGx2XwqO2lM/8d2zu5iq9vhoS+26TmTmZFxinB+X\nSQIDAQAB\n-----END PUBLIC KEY-----\n'),
    (3, 'PKCS#1 PEM',
        E'-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAmvClSFegi+vxtCime8rnKrZd0NERq9S7PZou8rfX+UR3T/FBxwmp\nRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10YvJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7\nQ/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLoLeHClfccB4fL3EzyspmQ1ookWI4VfmJ3\nHiPGzYNdcAeHSCSuzunjaP/fIYe3JtzypmIjPswNrUw+NZDlxlvIWftAFMZXKvAk\nPghkDdHKFYgigXZWs5UD67UTZw7R0XG3idShPrth+fgjql4gWCi4RqfsNGx2XwqO\n2lM/8d2zu5iq9vhoS+26TmTmZFxinB+XSQIDAQAB\n-----END RSA PUBLIC KEY-----\n'),
    (4, 'private PEM',
        E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINjG8bUb4Pk3IO4A299GNJ4T1K+TpYa0ccGBCAQYaOcG\n-----END PRIVATE KEY-----\n'),
    (5, 'certificate',
        E'-----BEGIN CERTIFICATE-----\nMIIBbTCCAROgAwIBAgIUIoBXVHbaK0bc7TKMEkzv2tJtSL0wCgYIKoZIzj0EAwIw\nDDEKMAgGA1UEAwwBeDAeFw0yNjExMjEyMjAyMzBaFw0yNjExMjIyMjAyMzBaMAwx\nCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS78jb3QPBJqky6\n9qqh7YJtnums/DaxHuiBXN6uJxaajO3RgFCTCZB515ylCY+F8JbScOsJUjQtN2VW\nm0zfAKyho1MwUTAdBgNVHQ4EFgQUJ6VBypV4uH+X/TF8El23Vw87t6EwHwYDVR0j\nBBgwFoAUJ6VBypV4uH+X/TF8El23Vw87t6EwDwYDVR0TAQH/BAUwAwEB/zAKBggq\nhkjOPQQDAgNIADBFAiBD/dbPJOGNAMdFGJZunVjxrnAHbqKCe2xsrnNMHdlBmAIh\nAPjGw3OUgOFZKoHiurkKHep1aCJsorPHgFePkJIpuDBF\n-----END CERTIFICATE-----\n'),
    (6, 'PEM without newlines',
        E'-----BEGIN PUBLIC KEY-----MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==-----END PUBLIC KEY-----'),
    (7, 'base64 of DER',
        E'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ=='),
    (8, 'base64url of DER',
        E'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu_I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ'),
    (9, 'hex of DER',
        E'3059301306072a8648ce3d020106082a8648ce3d03010703420004bbf236f740f049aa4cbaf6aaa1ed826d9ee9acfc36b11ee8815cdeae27169a8cedd1805093099079d79ca5098f85f096d270eb0952342d3765569b4cdf00aca1'),
    (10, 'JWK', E'{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'),
    (11, 'JWK, indented',
        E'{\n "kty": "RSA",\n "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",\n "e": "AQAB"\n}'),
    (12, 'JWK set',
        E'{"keys":[{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'),
    (13, 'SSH Ed25519',
        E'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea somebody@example.com'),
    (14, 'SSH RSA', E'ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC somebody'),
    (15, 'SSH P-256',
        E'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA somebody')) AS
        c (n, what, secret) ORDER BY n;
SELECT regress_try(format('SELECT auth.jws_sign(''x'', %L)', jsonb_build_object('kty', 'oct',
    'k', 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu_I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ'))) AS "DER as an oct";
-- the classic attack: HS256 under the text of the public key
SELECT name, regress_jws(regress_hs('{"alg":"HS256"}', '{}', auth.public_pem(jwk)),
    auth.public_jwk(jwk)) AS jwk, regress_jws(regress_hs('{"alg":"HS256"}', '{}',
    auth.public_pem(jwk)), to_jsonb(auth.public_pem(jwk))) AS pem,
    regress_jwt(regress_hs('{"alg":"HS256"}', '{}', auth.public_jwk(jwk)::text),
    jsonb_build_object('keys', jsonb_build_array(auth.public_jwk(jwk)))) AS "set"
FROM regress_rfc WHERE jwk->>'kty' <> 'oct' ORDER BY name;

-- What a key declares is honoured.
SELECT what, regress_try(format('SELECT auth.jws_verify(auth.jws_sign(''x'', %L), %L)', :'secret',
    jwk)) AS verify, left(regress_try(format('SELECT length(auth.jws_sign(''x'', %L))', jwk)), 90)
    AS sign, regress_try(format('SELECT auth.jws_sign(''x'', %L, ''HS384'')', jwk)) AS hs384 FROM
    (SELECT n, what, regress_oct('a secret of thirty-two bytes, at least', more) FROM (VALUES
    (1, 'nothing', '{}'::jsonb), (2, 'use sig', '{"use": "sig"}'), (3, 'alg HS256',
        '{"alg": "HS256"}'), (4, 'to sign', '{"key_ops": ["sign"]}'), (5, 'to verify',
        '{"key_ops": ["verify"]}'), (6, 'both', '{"key_ops": ["sign", "verify"]}'), (7,
        'and to wrap', '{"key_ops": ["verify", "wrapKey"]}'), (8, 'unknown members',
        '{"x5t": 1, "more": {"a": []}}')) AS m (n, what, more)) AS k (n, what, jwk) ORDER BY n;
-- a key's alg against the header's: RS256's signature with the key declared for another
SELECT alg, regress_try(format('SELECT auth.jws_verify(%L, %L) IS NOT NULL', token, jwk ||
    jsonb_build_object('alg', alg))) AS jws, regress_jwt(token, jwk || jsonb_build_object('alg',
    alg)) AS jwt, auth.verify_signature('RS256', jwk || jsonb_build_object('alg', alg),
    regress_input(token), regress_part(token, 3)) AS raw FROM regress_rfc, unnest(ARRAY['RS256',
    'RS384', 'PS256']) WITH ORDINALITY AS a (alg, n) WHERE name = '7515 A.2' ORDER BY n;

-- A key set: by kid, then by alg and type.
CREATE FUNCTION pg_temp.set_of(VARIADIC keys jsonb[]) RETURNS jsonb LANGUAGE sql AS $$ SELECT
    jsonb_build_object('keys', to_jsonb(keys)) $$;
SELECT regress_oct(repeat('a', 64), '{"kid": "a"}') AS a, regress_oct(repeat('b', 64),
    '{"kid": "b"}') AS b, regress_oct(repeat('c', 64)) AS c \gset
SELECT what, regress_jwt(t, k) FROM (VALUES (1, 'a, named', auth.jwt_sign('{}', :'a'),
    pg_temp.set_of(:'a', :'b', :'c')), (2, 'c, not named', auth.jwt_sign('{}', :'c'),
    pg_temp.set_of(:'a', :'b', :'c')), (3, 'c, saying b', auth.jwt_sign('{}', :'c'::jsonb ||
    '{"kid": "b"}'), pg_temp.set_of(:'a', :'b', :'c')), (4, 'c, saying z', auth.jwt_sign('{}',
    :'c'::jsonb || '{"kid": "z"}'), pg_temp.set_of(:'a', :'b', :'c')),
    (5, 'a, saying A', auth.jwt_sign('{}', :'a'::jsonb || '{"kid": "A"}'),
        pg_temp.set_of(:'a', :'b', :'c')), (6, 'a, a set without kids', auth.jwt_sign('{}', :'a'),
        pg_temp.set_of(:'c', :'a'::jsonb - 'kid')), (7, 'no key fits', auth.jwt_sign('{}', :'a'),
        pg_temp.set_of(auth.public_jwk('{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'))),
    (8, 'an empty set', auth.jwt_sign('{}', :'a'), '{"keys": []}'),
    (9, 'another kid', auth.jwt_sign('{}', :'a'), :'a'::jsonb || '{"kid": "b"}'),
    (10, 'no key but strangers', auth.jwt_sign('{}', :'a'), pg_temp.set_of('{"kty": "AKP"}', '{}',
        :'a'::jsonb || '{"use": "enc"}', :'a'::jsonb || '{"alg": "A256KW"}')), (11,
        'strangers are skipped', auth.jwt_sign('{}', :'a'), pg_temp.set_of('{}', '1', :'a'::jsonb ||
        '{"use": "enc", "kid": "b"}', :'a')), (12, 'a secret beside strangers', auth.jwt_sign('{}',
        :'a'), pg_temp.set_of('{"kty": "AKP"}', :'a'))) AS s (n, what, t, k) ORDER BY n;
-- the alg of the keys decides where no kid does; one type is found among others
SELECT what, regress_jwt(t, k) FROM (VALUES (1, 'HS512 only by the third', auth.jwt_sign('{}', :'c',
    'HS512'), pg_temp.set_of(:'c'::jsonb || '{"alg": "HS256"}', :'c'::jsonb || '{"alg": "HS384"}',
    :'c'::jsonb || '{"alg": "HS512"}')), (2, 'declared for others', auth.jwt_sign('{}', :'c',
    'HS512'), pg_temp.set_of(:'c'::jsonb || '{"alg": "HS256"}', :'c'::jsonb || '{"alg": "HS384"}')),
    (3, 'to sign only', auth.jwt_sign('{}', :'c'), pg_temp.set_of(:'c'::jsonb ||
        '{"key_ops": ["sign"]}')), (4, 'Ed25519 among RSA and EC', auth.jwt_sign('{}', '{"kty":"OKP'
        '","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxn'
        'e_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'), pg_temp.set_of('{"kty":"RSA","n":"ofgWCuLjybRl'
        'zo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-'
        'SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs'
        'LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D'
        'WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}', '{"kty":"EC","'
        'crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659L'
        'NpXW6pCyStikYjKIWI5a0"}', '{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7Ty'
        'WQHOg7hcvPapiMlrwIaaPcHURo"}'))) AS s (n, what, t, k) ORDER BY n;
SELECT what, regress_jwt('a.b.c', k)
    FROM (VALUES (1, 'a kid twice', pg_temp.set_of(:'a', :'b'::jsonb || '{"kid": "a"}')),
    (2, 'the same key twice', pg_temp.set_of(:'a', :'a')),
    (3, 'no kid twice', pg_temp.set_of(:'c', :'c')),
    (4, 'secret and public',
    pg_temp.set_of(:'a',
    auth.public_jwk('{"kty":"OKP","use":"sig","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}'))),
    (5, 'public and secret',
    pg_temp.set_of('{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}',
    :'c')), (6, 'an unsound one', pg_temp.set_of(:'a', '{"kty": "oct", "k": "AAAA"}')),
    (7, 'keys a number', '{"keys": 1}'), (8, 'keys an object', '{"keys": {}}'), (9,
        'keys of a number', '{"keys": [1]}'), (10, 'a set in a set', '{"keys": [{"keys": []}]}'),
        (11, 'a set and a key', '{"keys": [], "kty": "oct"}'), (12, '257 keys',
        jsonb_build_object('keys', (SELECT jsonb_agg('{"kty": "x"}'::jsonb) FROM generate_series(1,
        257)))), (13, '256 keys', jsonb_build_object('keys', (SELECT
        jsonb_agg('{"kty": "x"}'::jsonb) FROM generate_series(1, 256))))) AS s (n, what, k) ORDER BY
        n;
-- of many that fit, eight are tried
SELECT n, regress_jwt(auth.jwt_sign('{}', :'c'), jsonb_build_object('keys', (SELECT jsonb_agg(CASE i
    WHEN n THEN :'c' ELSE regress_oct(repeat(i::text, 40)) END ORDER BY i) FROM generate_series(1,
    20) AS i))) FROM unnest(ARRAY[1, 8, 9]) AS n;
-- a set neither signs nor has a thumbprint, unless it is of one
SELECT regress_try(format('SELECT auth.jws_sign(''x'', %L)', pg_temp.set_of(:'a', :'b'))) AS sign,
    regress_try(format('SELECT auth.jwk_thumbprint(%L)', pg_temp.set_of(:'a', :'b'))) AS thumbprint,
    auth.jwk_thumbprint(pg_temp.set_of(:'a')) = auth.jwk_thumbprint(:'a') AS one;
-- rotation: the next key is in the set before it signs, the old one stays until its tokens are gone
SELECT auth.generate_jwk('ES256') AS k1, auth.generate_jwk('ES256') AS k2,
    auth.generate_jwk('EdDSA') AS k3 \gset
SELECT phase, string_agg(regress_jwt(auth.jwt_sign('{}', k), jwks), ', ' ORDER BY o) AS
    "first, second, third" FROM (VALUES (1, pg_temp.set_of(auth.public_jwk(:'k1'))), (2,
    pg_temp.set_of(auth.public_jwk(:'k1'), auth.public_jwk(:'k2'))), (3,
    pg_temp.set_of(auth.public_jwk(:'k2'), auth.public_jwk(:'k1'), auth.public_jwk(:'k3'))), (4,
    pg_temp.set_of(auth.public_jwk(:'k3'), auth.public_jwk(:'k2')))) AS p (phase, jwks),
    (VALUES (1, :'k1'::jsonb), (2, :'k2'), (3, :'k3')) AS s (o, k) GROUP BY phase ORDER BY phase;

-- A secret as a string serves each hash that it is long enough for.
SELECT n, alg, left(regress_try(format('SELECT convert_from(auth.jws_verify(auth.jws_sign(''x'', %1'
    '$L, %2$L), %1$L), ''UTF8'')', to_jsonb(repeat('s', n)), alg)), 80) FROM unnest(ARRAY[31, 32,
    48, 64, 8192, 8193]) AS n, unnest(ARRAY['HS256', 'HS384', 'HS512', 'ES256']) AS alg ORDER BY n,
    alg;
SELECT regress_jws(regress_hs('{"alg":"HS384"}', 'x', repeat('ü', 32), 'sha384'),
    to_jsonb(repeat('ü', 32))) AS "bytes of UTF-8";

-- PEM.
SELECT what, left(regress_try(format('SELECT concat_ws('' '', j->>''kty'', j->>''crv'', j ? ''d'') '
    'FROM auth.pem_to_jwk(%L) AS j', pem)), 100) AS pem_to_jwk,
    left(regress_try(format('SELECT auth.jws_verify(''a.b.c'', %L) IS NULL', to_jsonb(pem))), 60) AS
    as_a_key FROM (VALUES
    (1, 'P-256 SPKI',
        E'-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2\nsR7ogVzericWmozt0YBQkwmQedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n-----END PUBLIC KEY-----\n'),
    (2, 'P-256 PKCS#8',
        E'-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSBWJ0nfKeCh8CfD/\nrmA4NLTCqb3/0tkj7roBhUWRTumhRANCAAS78jb3QPBJqky69qqh7YJtnums/Dax\nHuiBXN6uJxaajO3RgFCTCZB515ylCY+F8JbScOsJUjQtN2VWm0zfAKyh\n-----END PRIVATE KEY-----\n'),
    (3, 'P-256 SEC1',
        E'-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIEgVidJ3yngofAnw/65gODS0wqm9/9LZI+66AYVFkU7poAoGCCqGSM49\nAwEHoUQDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQ\nedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n-----END EC PRIVATE KEY-----\n'),
    (4, 'with EC PARAMETERS',
        E'-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIEgVidJ3yngofAnw/65gODS0wqm9/9LZI+66AYVFkU7poAoGCCqGSM49\nAwEHoUQDQgAEu/I290DwSapMuvaqoe2CbZ7prPw2sR7ogVzericWmozt0YBQkwmQ\nedecpQmPhfCW0nDrCVI0LTdlVptM3wCsoQ==\n-----END EC PRIVATE KEY-----\n'),
    (5, 'compressed point',
        E'-----BEGIN PUBLIC KEY-----\nMDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADu/I290DwSapMuvaqoe2CbZ7prPw2\nsR7ogVzericWmow=\n-----END PUBLIC KEY-----\n'),
    (6, 'Ed25519 SPKI',
        E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----END PUBLIC KEY-----\n'),
    (7, 'Ed25519 PKCS#8',
        E'-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINjG8bUb4Pk3IO4A299GNJ4T1K+TpYa0ccGBCAQYaOcG\n-----END PRIVATE KEY-----\n'),
    (8, 'RSA SPKI',
        E'-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAmvClSFegi+vxtCime8rn\nKrZd0NERq9S7PZou8rfX+UR3T/FBxwmpRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10Y\nvJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLo\nLeHClfccB4fL3EzyspmQ1ookWI4VfmJ3HiPGzYNdcAeHSCSuzunjaP/fIYe3Jtzy\npmIjPswNrUw+NZDlxlvIWftAFMZXKvAkPghkDdHKFYgigXZWs5UD67UTZw7R0XG3\nidShPrth+fgjql4gWCi4RqfsNGx2XwqO2lM/8d2zu5iq9vhoS+26TmTmZFxinB+X\nSQIDAQAB\n-----END PUBLIC KEY-----\n'),
    (9, 'RSA PKCS#1 public',
        E'-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAmvClSFegi+vxtCime8rnKrZd0NERq9S7PZou8rfX+UR3T/FBxwmp\nRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10YvJ/IAzTRQoSVwWeQOVyjSIi/qNuL8JT7\nQ/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLoLeHClfccB4fL3EzyspmQ1ookWI4VfmJ3\nHiPGzYNdcAeHSCSuzunjaP/fIYe3JtzypmIjPswNrUw+NZDlxlvIWftAFMZXKvAk\nPghkDdHKFYgigXZWs5UD67UTZw7R0XG3idShPrth+fgjql4gWCi4RqfsNGx2XwqO\n2lM/8d2zu5iq9vhoS+26TmTmZFxinB+XSQIDAQAB\n-----END RSA PUBLIC KEY-----\n'),
    (10, 'RSA PKCS#1',
        E'-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAmvClSFegi+vxtCime8rnKrZd0NERq9S7PZou8rfX+UR3T/FB\nxwmpRZTQrMV+09zcQkZ16Qf5mWXh3AqDM10YvJ/IAzTRQoSVwWeQOVyjSIi/qNuL\n8JT7Q/c5oFXQeQdZgIgzfKXwpG3+qTcNFJLoLeHClfccB4fL3EzyspmQ1ookWI4V\nfmJ3HiPGzYNdcAeHSCSuzunjaP/fIYe3JtzypmIjPswNrUw+NZDlxlvIWftAFMZX\nKvAkPghkDdHKFYgigXZWs5UD67UTZw7R0XG3idShPrth+fgjql4gWCi4RqfsNGx2\nXwqO2lM/8d2zu5iq9vhoS+26TmTmZFxinB+XSQIDAQABAoIBAAFPi0KjlfTAmP1h\n8Ij2Q8/lVf24aeC9IkL0vKkOC8u9n6bimD69c8VtzSZa5g+XeE62/NIhygWGe2mJ\np1i4ERL5xtKetZa2wuRiIoxECC5KulTQefIOyB3Y5fkE2Uwa7cC6E2qatQCfGR7T\nV/w4KMGbFFD5/RBNXMm4fLAszmXdgVe9LF5aXJdwmyuRZzAyJpboiDHPt46vvbV5\nVhNZUvtsKD9H1bdbw62yxOU85dNcOe6BOYkyiclxoplOf1IJQ4KTmfb5ZlIGZZrI\nKNOPgpOu/rdl/vNCobdrM5NyIOcpES3SjIULQXUDc5OcdGSEaXwtLQ1/qwhjyYWm\ncW42KxECgYEA0VqXuOz9dXCKakIslccSy3xbZr4QzaUa9VGA2K5LmUbWPGjJQpsF\nZqL++repcIvlhHgS3l6eeuaZw4L8TCFe++QRyAaYGLjdT6QhSdebDjEoZwbolVhv\n5xP65sgQ+8l17NW/GU7waw5cEylLA+1c+JPyzb5EmCHgAFJIsSW+xz0CgYEAvXZS\nja2M0v9Dyq++Im4FdKi+6Zn5dF+jUzynOReiAmjTaIWFEA37BDP53SW3eXKwSNeE\nAFueGiAnMvG0oqyzLeniHvAZdy9AkCAzp1ddPTUSObXg3wKHplwAHSbJfCwanhKr\nFj/7wkUtMuuY57C+gctRFtVAljWlq1y03HuycP0CgYEAgV/uqwUpjM3De+7xBo5D\neySah1+lmrARfNClQ0JSzaIM+r/2wAZ0y/ymfeHKABcz+y0I3Aq0/VZMZ5omuBVX\nUWqb4nTQwVZczb6sI6nt1FNkmGaYjNJeNPsP7lZsyGyzR2y/76/suvvgwqaeCQtC\njQtA3Qxb73ffqdMvwOmGgDECgYBbpGQCC7RWSwqre55oYPdamlTeAZBb7fa+SFRK\nlVfT+ohnwk2+mkSUn994TMoWgJcsZLKAydALqwnK5ocNOKPizYKGnHR05fJAxJK3\nmtaKyKTsLUF8HWkn2tBjSWOkIGEvnLAMrx5DtdpLCxKG30MG3SV3+eanwYNFBC6n\nh12ksQKBgCTMU60lYwf9UiTHvVodqLLJSKpoFB0iCNea6my656u59Zg1nUcmKDIL\n6hT+YMWR5xIRhjOF+XtvuLbTowumzgfuHjeV9sBJaINME4nYQxZ1Kw5M9JAeP0pY\n9gOU4z3dA8pRKKakSOYtxGKAN7WKTKanXWp9SHGqLDcONLHzZ+p6\n-----END RSA PRIVATE KEY-----\n'),
    (11, 'CRLF', E'-----BEGIN PUBLIC KEY-----\r\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\r\n-----END PUBLIC KEY-----\r\n'),
    (12, 'text around',
        E'Key:\n-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----END PUBLIC KEY-----\nend'),
    (13, 'PKCS#8 encrypted',
        E'-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgM5ddZZCSy2gICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEH6ErkQqU1n7vUFtgLjen00EgZBD\nKKBCq9TQRDxCo6j66ejnFvU1HyKyGtpkUGXMxdbSXtB+iBuy6sk9SyCSN8Cw8ax/\nSS2CUS0XiOblY+u0fhm78mObfsgHeD8o2TdtHK1S4YnvplhFDzc09ZpsP0qrgdOG\n/Zd8Ka0yFX4FPfsvRwGzxwu7QRT/+2s8T+a0e/ErOO2ctoteg5FpgZoAcVsOq5s=\n-----END ENCRYPTED PRIVATE KEY-----\n'),
    (14, 'SEC1 encrypted',
        E'-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,118AB5E7D6C66CB5AF5285D808E48882\n\n1/FKT/RJ14a+DpLnxy478LNn+XPI6VmmvDg9kD1SoylV2YpVYwhjjXeRzCr0sFL5\nZFJRVWbmFMVnawIbAIHu6ZowhRhAV1fLt7XRpScWEYNRS6SFrSGewoCiqbQCzGpQ\ndmUPrudCS3k2ZxcfddjG9Ee0b/Q6aVg2jReY0atEyp0=\n-----END EC PRIVATE KEY-----\n'),
    (15, 'explicit parameters',
        E'-----BEGIN PUBLIC KEY-----\nMIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\nAAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\nNgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\nRdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABLvyNvdA8EmqTLr2qqHtgm2e\n6az8NrEe6IFc3q4nFpqM7dGAUJMJkHnXnKUJj4XwltJw6wlSNC03ZVabTN8ArKE=\n-----END PUBLIC KEY-----\n'),
    (16, 'secp256k1',
        E'-----BEGIN PUBLIC KEY-----\nMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEx2j6BRVQud8Zhxmi4HLcCzkiKvvXxCxK\nGNP+zobkyA54i6fcHWy/xSVa1paaAMs1CMPYyPupFi8gOIZOLcKthQ==\n-----END PUBLIC KEY-----\n'),
    (17, 'X25519',
        E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAKEVB93o/qtqZg3wf2xI2kCSmWcljXuy/ZMfzylLqwRs=\n-----END PUBLIC KEY-----\n'),
    (18, 'RSA 1024',
        E'-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCZoNw72vFRCeK+VjB1Ytw7L5v1\nCQIb+DcLoZygAuORk+yKx8OqWT928bCI/ELv0HPcOwAsDatPbqmNEPVxRVx516JT\nYEU0Vpw1mkbX5ixIdYcKkpYCqPpjcpltGQPTNDpHi/IjSXL6effi8msjiUscAWxx\nZCNBnnw9j9kngQY4vwIDAQAB\n-----END PUBLIC KEY-----\n'),
    (19, 'RSA-PSS',
        E'-----BEGIN PUBLIC KEY-----\nMIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAPmxyVSpJgX+4OovDTTpSfW7\nnPFBDISK4IrWjfYDwrdHQVSrLV+dYAzaSt9OkVdeHDTIBBq4ryuyeO9EpvqzFcvb\nX1L8ZPgyO5ZGl4pUMuEwtiGoszGjJLx1hRRDfx/TwUWStmksFbUqBwQTBOV2DZ9t\nMGAWe+JVNoNXbpcoH+wlIcjWnWUzRtxot1isN9wvpsO1HIK89yZAZmzN2et3SojJ\nk2wM19c54ezTsQV0KAuDhLfCgQR711Dw3wq8hegcLtv/bshX3tf7gpKb0qdeaCkj\nV7eFIMFdkBSNgVIe8p9IRxOEVFEwBMpXxLjTfpeWxawiWpCUKq4JwEYWDQVWbb0C\nAwEAAQ==\n-----END PUBLIC KEY-----\n'),
    (20, 'three primes',
        E'-----BEGIN RSA PRIVATE KEY-----\nMIIE2AIBAQKCAQEAy1Mgu8dB2wAAGGx/xuJLPjqpGa6m5aNaSlndzEfZGNlcqXka\n/OsUBwsu89gwyrNL9jP/mZarMLmzePrTvKqqkuI6gqxV/FBpQUPNWHE+ZUCUxtL/\nkg1w28khvC3txFxmRxxgh8Inp19pTHBb939R63X0cF1VzuenhcgGqcGgA4V8FSPj\nhRSe2FIf5wzqA2rSTT5D2BeD08NO4Sx3biljZUBiwxo3DR35v1rz3PKaQH6OJItc\n3qgfEwYh2D2e6NsCiXzcH6iMhotHcQqczM05IWrbMEgbk0AReHtuKXRNcrfaYqGm\nstPkKKvzLWJGbywoQ7Qo3aN4iEmv8ociDYLIDwIDAQABAoIBAAMT3wr4mSaXeWjl\nO4nnIvxuJuEco6oWLuexNIpDDCY0JBLsolvxsvvoT22heBuZWyz+3H+WqEC0juLl\n6Q6SBsLyabBQq3yGOxGh1RnhnPArahUYXIX3xzRSFedzmaBmYGxGXrr2fFakfzV5\n1AHZmAz+FMKRaW9F2k8fRjbi9gSut1URTSzYJciip1rZRDflWZR6MTBgtNLNzXbO\nMb5E3ZO9KVNrv9gpiZIknt4K1AXCVw5kVCngLp5Og8hu97KXMIqSaNJh67lS1Hnn\nr6dT6NQAdCfBl20QiJcuVIcAw4vIIqL5HatyGA04uhrmj+e5BNb+YoK9ln4kGKWC\nSzz8gAECVgf59DvQIHqCW0TC8gI7r/NUeTrJaPWNtf88XnnIIE1aOrs+QLuw5W5j\nqk17z54A8bkU7veMGSNJ0ixmxe6y3up2mIBo6WDu7wLiCKJ2p4PnjNUgEimBAlYG\nqJ+tVsGfFKLz3aBQWgia5A3CLtKYjX9tnL4aumfDR1XR9W1yztdJ+bRcD16TCu8g\neDcavYXENvOQuAdHC20oLUZqSNAE+G1Sk6b8uqWigujs1UANKwJWBACDbCdGxHD3\nPg7ZwgkUhPATS02W3e1WLVOqy0t/+Y+V/DCF5iYhVzumTO4cA1jR71zzcTzXt/7n\n9uMx2Evi0JzkczkwLzRys22Zi3ohHmtlG+HVewECVgCGSkYSnqBUtN23aQjLfwAM\n1VSl8atZAl/1SDi81K3asdUfm6a+ytEmHeJex5mX8+y/679sjNw/ZALTrKcZLFlM\n784xvEmX9Kzbuv0QCzp5S7ZUun4PAlYEJZ48Bmrg75BTvTHlzl4Huaxf7QwKT0T7\nyala37HDi0WmX5cojeStzgDP+YqqkHuWbqJWhwFPhbRmcGCjVilRzPzNvpMgPT3f\nn9gqvhja9U3U9M/UjzCCAQswggEHAlYD1AV9ok3RNeIZMNmuSa2xPMQ8nS2iXm8T\nZM9/2AuI5OrnfFSpDf+xuw7335zn3a96WiuBHIJTRb7Fkg2AquVoE6Ba+LfEKfOr\nx1VdeJcaJ7IkWF7bLQJWAUCIZzX9k662+5xBpkKM38pLOLQD5/ZRCBvRzjOgWi7d\nMcc1fXGJrtzKoYHutNuJ+E+jqP/lFE1cfwwtBGdgzvCUYwy0NiGuhAGXRxIZAcH3\n/vE0XSUCVWWhiH9UrIUtRj9J0WsXc1wxZPrt6UKyMzIvbVl8yqDCJRzFTK0deFkP\nrThoVsNXPkt9O9RDwx3Bmn//YPONunJt0cxJ1euUctWaJkZeJcA59+jm/Ow=\n-----END RSA PRIVATE KEY-----\n'),
    (21, 'certificate',
        E'-----BEGIN CERTIFICATE-----\nMIIBbTCCAROgAwIBAgIUIoBXVHbaK0bc7TKMEkzv2tJtSL0wCgYIKoZIzj0EAwIw\nDDEKMAgGA1UEAwwBeDAeFw0yNjExMjEyMjAyMzBaFw0yNjExMjIyMjAyMzBaMAwx\nCjAIBgNVBAMMAXgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAS78jb3QPBJqky6\n9qqh7YJtnums/DaxHuiBXN6uJxaajO3RgFCTCZB515ylCY+F8JbScOsJUjQtN2VW\nm0zfAKyho1MwUTAdBgNVHQ4EFgQUJ6VBypV4uH+X/TF8El23Vw87t6EwHwYDVR0j\nBBgwFoAUJ6VBypV4uH+X/TF8El23Vw87t6EwDwYDVR0TAQH/BAUwAwEB/zAKBggq\nhkjOPQQDAgNIADBFAiBD/dbPJOGNAMdFGJZunVjxrnAHbqKCe2xsrnNMHdlBmAIh\nAPjGw3OUgOFZKoHiurkKHep1aCJsorPHgFePkJIpuDBF\n-----END CERTIFICATE-----\n'),
    (22, 'two keys',
        E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----END PUBLIC KEY-----\n-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINjG8bUb4Pk3IO4A299GNJ4T1K+TpYa0ccGBCAQYaOcG\n-----END PRIVATE KEY-----\n'),
    (23, 'cut', E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwA'),
    (24, 'no footer',
        E'-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----ENDE PUBLIC KEY-----\n'),
    (25, 'empty', E'-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----'),
    (26, 'not base64',
        E'-----BEGIN PUBLIC KEY-----\n*CowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----END PUBLIC KEY-----\n'),
    (27, 'other label',
        E'-----BEGIN PRIVATE KEY-----\nMCowBQYDK2VwAyEAJYEXcSHQGLAZx5ajF7gahH3ZCpqAR/GTunHEcUGJmpw=\n-----END PRIVATE KEY-----\n')) AS p (n,
        what, pem) ORDER BY n;
SELECT regress_try('SELECT auth.pem_to_jwk('''')') AS empty,
    regress_try('SELECT auth.pem_to_jwk(''no PEM'')') AS "no PEM";
\i :jose_end
