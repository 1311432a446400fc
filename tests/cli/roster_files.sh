#!/bin/bash
# Offline: every roster format, good and bad.
cd "$(dirname "$0")/../.." || exit 2
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PGHOST=/nonexistent # nothing here may connect
samples=tests/samples

refused() { # NAME FILE MESSAGE: exit 1, nothing on stdout, these lines on stderr
    local out err code
    out=$("$PG_PRINCIPAL" people push "$2" 2>"$work/err")
    code=$?
    err=$(sed "s|^pg_principal: $2: ||" "$work/err")
    is "$1" "$code|$out|$err" "1||$3"
}

bad() { # NAME EXTENSION TEXT MESSAGE: TEXT as printf writes it
    # shellcheck disable=SC2059
    printf -- "$3" >"$work/bad.$2"
    refused "$2: $1" "$work/bad.$2" "$4"
}

is "validate counts" "$("$PG_PRINCIPAL" people validate $samples/story.terrain)" \
    "$samples/story.terrain: 54 rows, all valid (50 persons, 4 service accounts)"
is "validate as JSON" "$("$PG_PRINCIPAL" people validate $samples/story.terrain --output json | jq -c .)" \
    '{"rows":54,"persons":50,"serviceAccounts":4}'

for format in yaml csv json; do
    is "the three samples are one roster: $format" "$("$PG_PRINCIPAL" people render $samples/roster.$format)" \
        "$("$PG_PRINCIPAL" people render $samples/roster.yaml)"
    "$PG_PRINCIPAL" people render $samples/story.terrain --output $format >"$work/story.$format"
    is "a story written as $format reads back the same" "$("$PG_PRINCIPAL" people render "$work/story.$format")" \
        "$("$PG_PRINCIPAL" people render $samples/story.terrain)"
    is "$format from standard input" "$("$PG_PRINCIPAL" people validate --format $format - <"$work/story.$format")" \
        "standard input: 54 rows, all valid (50 persons, 4 service accounts)"
done
for end in '\r' '\r\n'; do # Excel's two for CSV
    sed -z "s/\n/$end/g" $samples/roster.csv >"$work/ends.csv"
    is "lines that end with $end" "$("$PG_PRINCIPAL" people render "$work/ends.csv")" "$("$PG_PRINCIPAL" people render $samples/roster.yaml)"
done
is "service accounts have no level, manager, team" "$("$PG_PRINCIPAL" people render $samples/story.terrain | tail -n 12 | head -n 3)" \
    "  - email: kata-agent-team@example.com
    name: Kata Agent Team
    kind: service_account"
is "every person but one has a manager on the roster" "$("$PG_PRINCIPAL" people render $samples/story.terrain --output json |
    jq -c '.people | map(.email) as $all | map(select(.kind == "person")) |
        [length, (map(select(.manager_email)) | length), (map(select(.manager_email and ([.manager_email] - $all == []))) | length)]')" '[50,49,49]'
is "levels are shared out exactly" "$("$PG_PRINCIPAL" people render $samples/story.terrain --output json |
    jq -c '.people | map(select(.kind == "person").level) | group_by(.) | map([.[0], length])')" \
    '[["L1",12],["L2",18],["L3",11],["L4",6],["L5",3]]'

"$PG_PRINCIPAL" people validate - <$samples/roster.yaml >/dev/null 2>"$work/err"
is "standard input needs a format" "$? $(head -n 1 "$work/err")" "2 pg_principal: standard input needs --format yaml, csv, json or terrain"
cp $samples/roster.yaml "$work/roster"
"$PG_PRINCIPAL" people validate "$work/roster" >/dev/null 2>"$work/err"
is "an unknown extension needs a format" "$?" 2
ok "--format overrides" "$PG_PRINCIPAL" people validate "$work/roster" --format yaml
"$PG_PRINCIPAL" people validate $samples/bad.csv --format yaml >/dev/null 2>"$work/err"
is "--format overrides the extension too" "$?" 1

refused "every bad row is named: YAML" $samples/bad.yaml 'row 2: email "no-at-sign" has no @ (line 4)
row 3: a service account has no level (line 6)
row 3: a service account has no team (line 6)
row 4: unknown field "colour" (line 11)
row 4: duplicate email "fine@example.com", already in row 1 (line 11)
row 5: must be an object of fields, not a text (line 14)
row 6: name must be a string, not a list (line 15)
7 problems in 6 rows, nothing was written'
refused "every bad row is named: JSON" $samples/bad.json 'row 1: level must be a string, not a number
row 2: field "email" is given twice
row 3: name "N\x00L" contains a NUL byte
row 4: must be an object of fields, not a string
row 5: email is missing
5 problems in 5 rows, nothing was written'
refused "unterminated quote" $samples/bad.csv "line 4: a quoted field is never closed"
# Exports as they come out of Entra ID (template and list of users), Google Workspace and Okta.
mapped() { # FILE MAP..: the rows that come out of it
    local file=$1 maps=()
    shift
    for map in "$@"; do maps+=(--map "$map"); done
    "$PG_PRINCIPAL" people render "$samples/$file.csv" --ignore-unknown-fields "${maps[@]}" --output json 2>&1 |
        jq -c '[.people[] | [.email, .name, .manager_email, .team]]' 2>/dev/null
}
is "Entra ID's template" "$(mapped entra 'User name [userPrincipalName] Required=email' 'Name [displayName] Required=name' 'Department [department]=team')" \
    '[["ada.lovelace@example.onmicrosoft.com","Ada Lovelace",null,"Engines"],["charles@example.onmicrosoft.com","Charles Babbage",null,"Engines"]]'
is "Entra ID's users" "$(mapped entra_users mail=email givenName+surname=name department=team)" \
    '[["ada.lovelace@example.com","Ada Lovelace",null,"Engines"],["charles@example.com","Charles Babbage",null,"Engines"]]'
is "Google Workspace" "$(mapped google_workspace 'Email Address [Required]=email' 'First Name [Required]+Last Name [Required]=name' 'Manager Email=manager_email')" \
    '[["ada.lovelace@example.com","Ada Lovelace",null,null],["charles@example.com","Charles Babbage","ada.lovelace@example.com",null]]'
is "Okta" "$(mapped okta firstName+lastName=name managerId=manager_email department=team)" \
    '[["ada.lovelace@example.com","Ada Lovelace",null,"Engines"],["charles@example.com","Charles Babbage","ada.lovelace@example.com","Engines"]]'
"$PG_PRINCIPAL" people validate $samples/okta.csv --map email >/dev/null 2>"$work/err"
is "a map that is none" "$? $(head -n 1 "$work/err")" '2 pg_principal: --map "email" is not FIELD=ROSTER_FIELD'
like "says what a roster has" "$(cat "$work/err")" 'of a roster a FIELD is email, .*manager_email, team or kind\.'
"$PG_PRINCIPAL" people validate $samples/story.terrain --map mail=email >/dev/null 2>"$work/err"
is "nor for a story" "$?" 2

refused "bad percentage" $samples/bad.terrain 'line 5: bad percentage for "L2": "4o"'
"$PG_PRINCIPAL" people validate $samples/bad.yaml --ignore-unknown-fields >/dev/null 2>"$work/err"
is "unknown fields can be dropped" "$(grep -c colour "$work/err")" 0

for n in $(seq 1000); do echo "- {email: u$n@example.com, name: U$n}"; done | sed '500s/name: U500/name: /' >"$work/thousand.yaml"
refused "one bad row among 1,000" "$work/thousand.yaml" "row 500: name is missing (line 500)
1 problem in 1000 rows, nothing was written"
for n in $(seq 100); do echo "- {name: U$n}"; done >"$work/hundred.yaml"
refused "no more than 20 are listed" "$work/hundred.yaml" "$(for n in $(seq 20); do echo "row $n: email is missing (line $n)"; done)
and 80 more
100 problems in 100 rows, nothing was written"

for extension in yaml csv json terrain; do
    bad "empty" $extension '' "the file is empty"
    bad "only blanks" $extension ' \n\n' "the file is empty"
    bad "a NUL byte" $extension 'people\n\0' "line 2: a NUL byte"
    bad "not UTF-8" $extension 'people\n\n\351' "line 3: not valid UTF-8; possibly Windows-1252, which Excel uses for plain CSV
  hint: Save it as UTF-8 (\"CSV UTF-8\" in Excel), or convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW."
    bad "UTF-16" $extension '\377\376p\0' "the file is UTF-16, not UTF-8
  hint: Save it as UTF-8 (\"CSV UTF-8\" in Excel), or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW."
    { printf 'email,name\n' && head -c $((64 << 20)) /dev/zero | tr '\0' x; } >"$work/large.$extension"
    refused "$extension: too large" "$work/large.$extension" "larger than 64 MiB"
    rm "$work/large.$extension"
done
bad "truncated" yaml 'people:\n  - email: "a@example.com' "line 2: malformed YAML: illegal EOF in scalar"
bad "merge keys" yaml '- {<<: {kind: service_account}, email: a@example.com, name: A}\n' 'row 1: merge keys (<<) are not supported: write the fields out (line 1)
1 problem in 1 row, nothing was written'
bad "another list" yaml 'people: []\nagents:\n- {email: a@example.com, name: A}\n' 'line 3: an unknown list "agents": neither people nor roster'
bad "a second list" yaml 'people: []\nroster: []\n' "line 2: a second list of people"
bad "no list" yaml 'staff: none\n' "no list of people: expected a list, or people: or roster:"
bad "a text for a list" yaml 'people: none\n' "line 1: a list of people is expected here, not a text"
bad "two documents" yaml '[]\n---\n[]\n' "more than one YAML document"
bad "a repeated key" yaml '- {email: a@example.com, name: A, name: B}\n' 'row 1: field "name" is given twice (line 1)
1 problem in 1 row, nothing was written'
bad "an alias to a mapping" yaml '- &a {email: a@example.com, name: A}\n- *a\n' 'row 2: must be an object of fields, not an alias to a list or a mapping (line 2)
1 problem in 2 rows, nothing was written'
bad "truncated" json '[{"email": "a@example.com", "na' 'line 1: malformed JSON: syntax error while parsing object key - invalid string: missing closing quote; last read: '"'"'"na'"'"'; expected string literal'
more_hint="  hint: A file has one list of people; JSON Lines become one by: jq -s . FILE > NEW."
bad "trailing text" json '[] x' "line 1: malformed JSON: syntax error while parsing value - invalid literal; last read: '[] x'; expected end of input
$more_hint"
bad "JSON Lines" json '{"email": "a@example.com", "name": "A"}\n{"email": "b@example.com", "name": "B"}\n' "line 2: malformed JSON: syntax error while parsing value - unexpected '{'; expected end of input
$more_hint"
bad "a number too large" json '[{"email": "a@example.com", "name": 1e999}]' "line 1: malformed JSON: number overflow parsing '1e999'"
bad "not a list" json '{"people": 7}' "a list of people is expected here, not a number"
bad "no header" csv 'a@example.com,A\n' 'line 1: unknown field "a@example.com" in the header
  hint: Map it (--map "a@example.com=FIELD"; a FIELD is email, name, github_username, discipline, level, track, manager_email, team or kind) or drop what is unknown (--ignore-unknown-fields).'
bad "another separator" csv 'email|name\na@example.com|A\n' 'line 1: unknown field "email|name" in the header
  hint: Separate the columns by commas, semicolons or tabs, all of them alike.'
bad "two separators" csv 'email;name,team\na@example.com;A,x\n' 'line 1: unknown field "email;name" in the header
  hint: Separate the columns by commas, semicolons or tabs, all of them alike.'
bad "lines that end in two ways" csv 'email,name\na@example.com,A\rb@example.com,B\n' 'row 1: has 3 fields, the header 2 (line 2)
1 problem in 1 row, nothing was written'
bad "no email column" csv 'name\nA\n' 'line 1: the header has no column "email"'
bad "a column twice" csv 'email,name,email\n' 'line 1: field "email" is given twice in the header'
bad "ragged rows" csv 'email,name\na@example.com\nb@example.com,B\nc@example.com,C,c\n' 'row 1: has 1 field, the header 2 (line 2)
row 3: has 3 fields, the header 2 (line 4)
2 problems in 3 rows, nothing was written'
bad "a stray quote" csv 'email,name\na@example.com,A"B\n' 'row 1: a quote in the middle of a field (line 2)
1 problem in 1 row, nothing was written'
bad "no people" terrain 'terrain X { seed 1 }' "the story has no people block"
bad "a missing brace" terrain 'terrain X {\n people {\n count 3\n' "line 2: people is never closed: a } is missing"
bad "a brace too many" terrain 'people { count 1 }\n}' 'line 2: expected a keyword, found "}"'
bad "an open string" terrain 'people {\n names "abc\n}' "line 2: a string is never closed"
bad "an open comment" terrain 'people {}\n/* x' "line 2: a comment is never closed"
bad "an unknown keyword" terrain 'people {\n cuont 3 }' 'line 2: unknown keyword "cuont" in people'
bad "a strange character" terrain 'people { count 3; }' 'line 1: unexpected character ";"'
bad "percentages that do not add up" terrain 'people {\n distribution { L1 50%% L2 40%% } }' "line 2: distribution adds up to 90%, not 100%"
bad "more than all" terrain 'people { distribution { L1 101%% } }' 'line 1: bad percentage for "L1": "101"'
bad "a level twice" terrain 'people { distribution { L1 50%% L1 50%% } }' 'line 1: "L1" is given twice in distribution'
bad "too many people" terrain 'people { count 1000001 }' 'line 1: count must be a whole number of at most 1000000, not "1000001"'
bad "two accounts, one address" terrain 'people {\n service_account a { email "x@example.com" }\n service_account b { email "X@example.com" } }' \
    'row 2: duplicate email "x@example.com", already in row 1 (line 3)
1 problem in 2 rows, nothing was written'

"$PG_PRINCIPAL" people validate "$work/not-there.csv" >/dev/null 2>"$work/err"
is "a file that is not there" "$? $(cat "$work/err")" "1 pg_principal: could not read \"$work/not-there.csv\": No such file or directory"
