#!/bin/bash
# Every SQL function, five thousand calls each and half of them failing, in one backend: its
# memory stands still (tests/torture/memory.sh: a million). Measured after a warm-up of the same calls, by the backend's own contexts and
# by the memory that the kernel counts, which malloc by C++ and OpenSSL is in.
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/harness/cluster.sh
. tests/harness/cluster.sh
# shellcheck source=tests/harness/tap.sh
. tests/harness/tap.sh

if [ -z "${HARNESS_ROOT-}" ]; then
    echo "run by: make test ONLY=system"
    exit 2
fi
dir=$work/memory
cluster_create "$dir" fsync=off autovacuum=off jit=off pg_principal.access_token_ttl=1d \
    pg_principal.refresh_reuse_interval=1h || exit 1
cluster_start "$dir" || exit 1

# A leak of 400 bytes at each failure shows as 1 MB after 5,000 calls, one of 100 in the contexts;
# tests/torture/memory.sh finds smaller ones. The costly functions (new keys, writes, what plans anew at each call) are
# called less often and held to the same bytes a call.
calls=${CALLS:-5000}
context_bound=200 # kB
bound() { # CALLS: kB, the little that a healthy process gains included
    echo $((600 + $1 * 25 / 1024))
}

# name ~ calls, in thousandths of $calls ~ a call that succeeds ~ one that fails
cases() {
    cat <<'CASES'
audit_seal, audit_verify, entry_faults, head_faults, prune_faults, seal_faults, signature_faults, kept_seal_faults, scan_audit~1~(SELECT count(*) + auth.scan_audit() FROM auth.audit_verify()) FROM (SELECT auth.audit_seal()) AS s~auth.audit_verify('x')
audit_prune~1~auth.audit_prune('1 year')~auth.audit_prune('0')
uid~1000~auth.uid()~
email, role, kind, app_role, session_id~1000~concat(auth.email(), auth.role(), auth.kind(), auth.app_role(), auth.session_id())~
jwt~1000~auth.jwt()~
has_role, has_scope~1000~auth.has_role('ADMIN', 'ANALYST') AND auth.has_scope('read')~
is_person, is_service_account~1000~auth.is_person() AND auth.is_service_account()~
uid, dead token~1000~auth.uid()~auth.uid() FROM set_config('pg_principal.token', 'x.y.z', true)
email, bad signature~1000~auth.email()~auth.email() FROM set_config('pg_principal.token', :bad, true)
authenticate~1000~auth.authenticate(:token)~auth.authenticate(:bad)
authenticate, malformed~1000~auth.authenticate(:token)~auth.authenticate(repeat('a', 1000) || '.b.c')
pre_request~1000~auth.pre_request() FROM set_config('request.headers', '{"authorization": "Bearer ' || :token || '"}', true)~auth.pre_request() FROM set_config('request.headers', '{"authorization": "Bearer x.y.z"}', true)
pre_request, malformed~1000~auth.pre_request() FROM set_config('request.headers', '{}', true)~auth.pre_request() FROM set_config('request.headers', '{"authorization": "Bea', true)
hold_secret, held_secret, hold_document, held_document~200~concat(auth.held_secret(auth.hold_secret('secret')), auth.held_document(auth.hold_document('{"a": 1}')))~
metadata_of, own_app_metadata, reserved_metadata~200~concat(auth.metadata_of(p), auth.own_app_metadata(p), auth.reserved_metadata(p, 'person', 'ANALYST')) FROM (SELECT '{"userMetadata": {"a": 1}, "appMetadata": {"pg_principal": {"kind": "x"}}}'::jsonb) AS t (p)~
metadata_size, outgrown_metadata, is_unproven~200~concat(auth.metadata_size('{"a": 1}', '{}'), auth.outgrown_metadata('{}', u, u), auth.is_unproven(u)) FROM auth.users u WHERE u.email = 'ann@example.com'~
adopt, adopted~20~(auth.adopted(u)).id FROM auth.users u, auth.adopt(u.id, u.kind) WHERE u.email = 'ann@example.com'~
refusal_of_own_change, keep_an_admin, rely_on_admin, confirm_guess~50~concat(auth.refusal_of_own_change(), auth.keep_an_admin(auth.uid()), auth.rely_on_admin(NULL, NULL, NULL), auth.confirm_guess(auth.uid(), true))~
plain_name, is_banned, is_held_off, judge_returners~100~concat(auth.plain_name('A  B'), auth.is_banned(u), auth.is_held_off(u.id), auth.judge_returners()) FROM auth.users u WHERE u.email = 'ann@example.com'~
shell_word, counted, short_digest, uuid_of, named_id, check_session, is_own_statement, known_email, default_collation, fold_email, later, pruned_before~200~concat(auth.shell_word('a b'), auth.counted(2, 'row'), auth.short_digest('x'), auth.uuid_of('x'), auth.named_id('x'), auth.check_session('anon', NULL, 'issued', 'x', NULL, '{}', '{}'), auth.is_own_statement(), auth.known_email('ann@example.com' COLLATE "C"), auth.fold_email(' A@b.c'), auth.later(now(), '1 day'), auth.pruned_before('1 day'))~auth.known_email('no at' || current_user)
read_adoptable_key, adopt_key~100~(auth.read_adoptable_key(auth.sign_token('{"role": "anon", "iss": "supabase", "iat": 1700000000, "exp": 4000000000}'))).role~auth.adopt_key('a.b.c')
audit_caller, principal_changes, is_audited~200~concat((auth.audit_caller()).actor_id, auth.principal_changes(u, u, true), auth.is_audited(u, u)) FROM auth.users u WHERE u.email = 'ann@example.com'~
random_id~1000~auth.random_id()~
is_being_taken, lock_roster, own_audit_head~200~concat(auth.is_being_taken('nobody@example.com'), auth.lock_roster(), (auth.own_audit_head()).seq)~
begin_chain, begin_chains, chains_begun~100~auth.begin_chains(gen_random_uuid(), 'x', '{}') FROM generate_series(1, 2)~auth.begin_chains(NULL, 'x', '{}')
audit_later, audit_roster_rows~20~concat(auth.audit_later('{"a": {"previous": 1, "current": 2}}', '{}'), auth.audit_roster_rows(1, 0, 0, '{ann@example.com}'))~
bypasses_clamp, clamp_readers, clamp_notices, email_columns~20~concat((SELECT count(*) FROM auth.clamp_notices('auth.users', true)), (SELECT count(*) FROM auth.clamp_readers('auth.users', true)), (SELECT count(*) FROM auth.email_columns()), auth.bypasses_clamp(current_user::regrole, current_user::regrole, true))~
rename_person~20~1~auth.rename_person('nobody@example.com', 'somebody@example.com')
audit_cursor, list_audit~50~count(*) FROM auth.list_audit(entries => 5)~auth.list_audit(cursor => 'x')
try_authenticate~1000~auth.try_authenticate(:token)~
try_authenticate, refused~1000~auth.try_authenticate(:bad)~
normalise_email~1000~auth.normalise_email(' Ann@Example.com ')~auth.normalise_email('no at' || current_user)
parse_ttl~1000~auth.parse_ttl('24h')~auth.parse_ttl('5m')
raise_error~1000~1~auth.raise_error('user_missing', 'ann', 'detail')
error_kinds~100~count(*) FROM auth.error_kinds()~
owner_is~1000~auth.owner_is('ann@example.com'::text, 'person') AND auth.owner_is(gen_random_uuid(), 'person')~auth.owner_is('ann@example.com'::text, 'person') FROM set_config('pg_principal.token', 'x', true)
jws_sign, jws_verify~500~auth.jws_verify(auth.jws_sign('payload', :jwk), :jwk)~auth.jws_sign('payload', '{"kty": "oct", "k": "c2hvcnQ"}')
jwt_sign, jwt_verify~500~auth.jwt_verify(auth.jwt_sign('{"a": 1}', :jwk), :jwk)~auth.jwt_verify('a.b.c', :jwk)
verify_foreign_token~500~(SELECT coalesce(refusal, claims::text) FROM auth.verify_foreign_token(:foreign_token, :foreign_keys, '{"issuer": "i", "audiences": ["a"]}'))~(SELECT claims FROM auth.verify_foreign_token('a.b.c', :foreign_keys, '{}'))
signature_algorithms~500~jsonb_array_length(auth.signature_algorithms())~
jwks_problems~300~count(*) FROM auth.jwks_problems(:foreign_keys || jsonb_build_object('x', random()))~auth.jwks_problems('{"keys": 1}')
verify_signature~500~auth.verify_signature('HS256', :jwk, 'message', 'signature')~auth.verify_signature('nope', :jwk, 'message', current_user::bytea)
jwk_thumbprint, public_jwk, public_pem~100~concat(auth.jwk_thumbprint(j), auth.public_jwk(j), auth.public_pem(j)) FROM (SELECT :okp || jsonb_build_object('kid', random()::text)) AS r (j)~auth.public_jwk('{"kty": "oct"}' || jsonb_build_object('kid', random()::text))
pem_to_jwk~100~auth.pem_to_jwk(:pem || repeat(' ', (10 * random())::int))~auth.pem_to_jwk('-----BEGIN ' || random())
generate_jwk~100~auth.generate_jwk('HS256')~auth.generate_jwk('nope')
self_and_report_emails, self_and_report_ids~100~cardinality(auth.self_and_report_emails()) + cardinality(auth.self_and_report_ids())~auth.self_and_report_ids() FROM set_config('pg_principal.token', 'x', true)
jwks, list_signing_keys~100~jsonb_array_length(auth.jwks()->'keys') FROM auth.list_signing_keys() LIMIT 1~
sign_token, token_kid~500~auth.token_kid(auth.sign_token('{"a": 1}'))~auth.sign_token('[]')
read_roster, push_people~50~auth.push_people('[{"email": "ann@example.com", "name": "Ann"}]')~auth.push_people('[{"email": "no at", "name": 1, "x": "y"}]')
read_roster, many~5~count(*) FROM auth.read_roster(:roster)~auth.push_people(:roster || '[{}]')
remove_person~50~auth.remove_person('nobody@example.com')~auth.remove_person('no at')
provision, decide_plan, carry_out_plan~30~concat(auth.provision(true), auth.carry_out_plan(NULL), (SELECT count(auth.decide_plan(u, 'keep', NULL)) FROM auth.users u WHERE u.email = :me))~
provision_plan~300~(SELECT count(*) FROM auth.provision_plan())~
issue~50~auth.issue('ann@example.com', '1h')~auth.issue('nobody@example.com', '1h')
issue_token, open_session~50~(auth.issue_token('ann@example.com', '1h', 'label', '{read}')).token~auth.issue_token('ann@example.com', '1h', NULL, '{a b}')
issue_key~50~(auth.issue_key('anon', '1h')).token~auth.issue_key('postgres')
allow_login, disallow_login, check_login_role, audit_login_role~20~concat(auth.allow_login('authenticated', kind => 'person'), auth.disallow_login('authenticated', kind => 'person'))~auth.allow_login('no role', kind => 'person')
list_login_roles, list_connections, token_connections, end_connection, end_token_connection, sees_all_connections, login_refusals~100~concat((SELECT count(*) FROM auth.list_login_roles()), (SELECT count(*) FROM auth.connections), auth.end_connection(0), auth.end_token_connection(0), (SELECT count(*) FROM auth.login_refusals()))~
create_client_secret, hold_client, known_client, make_client_secret, revoke_client_secret~10~auth.revoke_client_secret((auth.create_client_secret('bot-' || :me)).secret_id)~auth.create_client_secret('nobody@example.com')
set_client_scopes, check_scopes, list_clients, list_client_secrets, principal_of~20~concat(auth.set_client_scopes('bot-' || :me, '{a}'), (SELECT count(*) FROM auth.list_clients()), (SELECT count(*) FROM auth.list_client_secrets('bot-' || :me)))~auth.set_client_scopes('bot-' || :me, '{a b}')
oauth_token, authenticate_client, judge_client_secret, refuse_client, oauth_error, refuse_scopes, refuse_target~20~concat((auth.oauth_token('{"grant_type": "client_credentials"}', auth.uid()::text, 'x')).status, (auth.refuse_scopes('{a}')).status, (auth.refuse_target()).status)~
oauth_token, grant_refresh~20~(auth.oauth_token('{"grant_type": "refresh_token", "refresh_token": "x"}')).status~
open_access, mint_access_token, narrowed_scopes~20~auth.open_access(u, NULL, auth.narrowed_scopes('a', '{a,b}'), 60, 'infinity', 'me', '{}') FROM auth.users u WHERE u.email = :me~
oauth_introspect, examine_token, find_refresh_session~300~(auth.oauth_introspect(jsonb_build_object('token', :token), bearer => :token)).status~
read_assertion, peek_assertion~500~(auth.read_assertion(:token, '{"keys": []}')).fault || (auth.peek_assertion(:token)).fault~auth.read_assertion(:token, '{"keys": 1}')
register_client_keys, list_client_keys, key_id~10~auth.register_client_keys('bot-' || :me, jsonb_build_object('keys', jsonb_build_array(:okp))) + (SELECT count(*) FROM auth.list_client_keys())~auth.register_client_keys('bot-' || :me, '{"keys": [1]}')
judge_client_assertion, use_assertion~20~concat((auth.judge_client_assertion('{"client_assertion": "x.y.z"}')).fault, auth.use_assertion('x', random()::text, now() - interval '1 hour'))~
trust_issuer, published_keys, published_key, is_https_url, count_keys, unusable_keys, warn_of_keys, store_issuer_keys, keep_issuer_keys, key_names, list_issuers, distrust_issuer, delete_issuer_rules~5~concat(auth.trust_issuer('x-' || :me, '{a}', '{"keys": []}'), auth.store_issuer_keys('x-' || :me, '{"keys": []}'), (SELECT count(*) FROM auth.list_issuers()), auth.distrust_issuer('x-' || :me))~auth.trust_issuer('x', '{a}')
start_key_fetch, begin_key_fetch, next_key_fetch, want_key_fetch, end_key_fetch, key_set_life, read_key_document, keys_uri~5~concat(auth.trust_issuer('u-' || :me, '{a}', NULL, replace('https;//x/', ';', chr(58))), auth.want_key_fetch('u-' || :me), (SELECT (auth.end_key_fetch(n.attempt, '{"keys": []}', '{"cacheControl": "max-age=60"}')).outcome FROM auth.start_key_fetch('u-' || :me) AS n), (auth.next_key_fetch()).attempt, auth.distrust_issuer('u-' || :me))~auth.trust_issuer('u', '{a}', NULL, 'x')
map_claims, unmap_claims, end_credential, list_issuer_rules~5~concat(auth.map_claims('issuer', 'bot-' || :me, '{"a": "b"}'), (SELECT count(*) FROM auth.list_issuer_rules()), auth.unmap_claims('issuer', 'bot-' || :me))~auth.map_claims('nobody', 'bot-' || :me, '{"a": "b"}')
claim_leaves, rule_faults, rule_fits, match_rules~100~concat(auth.rule_faults('{"a": {"b": 1}}', '{"a": {"b": 2}}'), auth.rule_fits('{"a": {"b": 1}}', '{"a": {"b": [1]}}'), (auth.match_rules('issuer', '{}')).emails)~
test_issuer_token, judge_foreign_token~100~concat((SELECT faults FROM auth.test_issuer_token(:token)), (auth.judge_foreign_token(:foreign_token)).fault)~
oauth_token, shows_client, grant_jwt_bearer, refuse_assertion~10~(auth.oauth_token(jsonb_build_object('grant_type', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'assertion', :token))).status~
actor, actor_email, actors, is_delegated, chain_of~500~concat(auth.actor(), auth.actor_email(), auth.actors(), auth.is_delegated(), auth.chain_of('{"sub": "00000000-0000-4000-8000-000000000000"}'))~
delegate, store_delegation, end_delegation, ties_hold, credential_stands, list_delegations~5~concat(auth.end_delegation(auth.delegate(:me, 'bot-' || :me)), (SELECT count(*) FROM auth.list_delegations()), (SELECT count(auth.ties_hold(s)) FROM auth.sessions s WHERE s.user_id = auth.uid()))~auth.delegate(:me, :me)
issue_may_act, examine_may_act, mint_may_act~10~concat((auth.issue_may_act('x')).status, (auth.examine_may_act('x.y.z')).refused, auth.mint_may_act(u, gen_random_uuid(), 1, 60, 'a', u.id) IS NULL) FROM auth.users u WHERE u.email = :me~
my_delegations, delegate_to, read_terms, bad_terms, revoke_delegation~10~concat((auth.my_delegations()).status, (auth.delegate_to('x')).status, (auth.revoke_delegation(gen_random_uuid())).status)~
oauth_token, grant_token_exchange, shown_session, refuse_delegation~10~(auth.oauth_token(jsonb_build_object('grant_type', replace('urn;ietf;params;oauth;grant-type;token-exchange', ';', ':'), 'subject_token', :token, 'actor_token', :token, 'subject_token_type', t.type, 'actor_token_type', t.type))).status FROM (SELECT replace('urn;ietf;params;oauth;token-type;jwt', ';', ':') AS type) AS t~
open_delegated, own_scopes, common_scopes~10~auth.open_delegated(u, u, '{"sub": "00000000-0000-4000-8000-000000000000"}', NULL, NULL, NULL, auth.common_scopes(auth.own_scopes('{"scope": "a b"}'), '{a}'), 60) FROM auth.users u WHERE u.email = :me~
register_client, list_public_clients, unregister_client~5~concat(auth.register_client('app-of-' || md5(:me)), (SELECT count(*) FROM auth.list_public_clients()), auth.unregister_client('app-of-' || md5(:me)))~auth.register_client('a b')
oauth_device_authorization, find_public_client, issuer_origin, is_for_us~10~(auth.oauth_device_authorization('{"client_id": "x"}')).status~
make_device_code, hash_user_code, note_device_refusal~50~concat(auth.hash_user_code((auth.make_device_code()).user_code), auth.note_device_refusal(NULL, 'x', 'x'))~
oauth_token, grant_device_code~10~(auth.oauth_token(jsonb_build_object('grant_type', replace('urn;ietf;params;oauth;grant-type;device_code', ';', ':'), 'client_id', 'x', 'device_code', 'x'))).status~
redeem_device_code, device_code_payload~10~concat(auth.redeem_device_code(NULL, NULL, NULL), auth.device_code_payload(NULL, NULL))~
show_device, decide_device, deciding_person, find_device_code, client_id~10~concat((auth.show_device('x')).status, (auth.decide_device('x', true, '{a}')).status, auth.client_id(), (auth.find_device_code(u, 'x')).refused) FROM auth.users u WHERE u.email = :me~
open_device_page, close_device_page~2~concat((auth.open_device_page('{}', 'x')).status, (auth.open_device_page('{}')).status, (auth.close_device_page('x', 'deny', 'a b')).status)~
oauth_revoke, end_shown_session~50~concat((auth.oauth_revoke('{"token": "x"}')).status, auth.end_shown_session(s)) FROM auth.sessions s WHERE s.id = gen_random_uuid()~
oauth_metadata~200~auth.oauth_metadata('oauth-authorization-server')~
list_sessions, revoke_session~50~concat((SELECT count(*) FROM auth.list_sessions('ann@example.com')), auth.revoke_session(gen_random_uuid()))~
ban, unban~50~auth.unban('ben@example.com')~auth.ban('nobody@example.com')
generate_key_material, HS256~500~auth.generate_key_material('HS256')~auth.generate_key_material('nope')
generate_key_material, ES256~30~auth.generate_key_material('ES256')~
generate_key_material, EdDSA~100~auth.generate_key_material('EdDSA')~
read_key_material, secret~500~auth.read_key_material(repeat('x', 40))~auth.read_key_material('short')
read_key_material, JWK~50~auth.read_key_material(:okp::text)~auth.read_key_material('{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2E", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}')
read_key_material, PEM~50~auth.read_key_material(:pem)~auth.read_key_material('-----BEGIN PRIVATE KEY-----')
reseal_key_material~500~auth.reseal_key_material('{}', NULL, 'kid')~auth.reseal_key_material('x', 'x', 'kid')
reseal_server_key~500~auth.reseal_server_key('x', NULL, 'name')~auth.reseal_server_key('x', 'x', 'name')
store_signing_key, create_signing_key, import_signing_key~30~auth.lock_signing_key(:kid)~auth.import_signing_key(:material::text)
activate_signing_key, retire_signing_key, revoke_signing_key, warn_of_no_key~30~auth.activate_signing_key(:kid)~auth.revoke_signing_key('nothing')
lock_signing_key, seal_signing_keys~30~auth.seal_signing_keys()~auth.lock_signing_key('nothing')
clamp, unclamp, clamp_agents~3~concat(auth.clamp('clamped', 'owner', 'self'), auth.clamp_agents('clamped', 'a', 'b'), auth.clamp_agents('clamped'))~auth.unclamp('bare')
a clamped query~100~clamped_rows()~clamped_rows() FROM set_config('pg_principal.token', 'x', true)
nobody, audit_itself, audit_genesis, audit_hash~300~auth.audit_hash(auth.audit_itself(), 1, now(), NULL, 'a', 'b', '{"a": 1}', 'r', '{}', 'i', 'u', auth.audit_genesis(auth.nobody()))~
fold_chain_head, fold_chain_heads, seal_digest~300~(SELECT auth.seal_digest('', auth.fold_chain_heads(r.u, 1, 'x'), 1) FROM (SELECT gen_random_uuid() AS u) AS r)~auth.fold_chain_head(NULL, NULL, 1, 'x')
read_seal~100~auth.read_seal(:seal)~
set_request_context, request_context, sign_in_source~300~auth.sign_in_source() FROM (SELECT auth.set_request_context('{"ip": "2001:db8::1", "userAgent": "é"}')) AS c, auth.request_context()~auth.set_request_context('[]')
audit_actor~300~auth.audit_actor()~
log_event~50~auth.log_event('{"event": "x"}')~
count_up, set_gauge, read_metrics, expose_metrics~10~count(*) FROM (SELECT auth.count_up('memory', :me), auth.set_gauge('memory', :me || ' gauge', 1), auth.expose_metrics()) AS c, auth.read_metrics()~auth.count_up(NULL)
lock_audit_head, await_audit_head, free_audit_head, append_entry, append_at_once, link_entries, link_audit, audit_as, audit~10~concat(auth.audit(auth.uid(), 'me', '{"a": 1}'), (auth.await_audit_head(auth.uid(), '20ms')).user_id, auth.link_audit())~auth.audit(NULL, NULL, '{}')
audit_failure, refuse_sign_in~10~auth.audit_failure(auth.uid(), 'me', '{}', 'r', '{}')~auth.audit_failure(NULL, NULL, '{}', 'r', '{}')
hold, wait_for, wait_briefly, standing, has_decisions, has_application_triggers, try_settle, with_decisions, with_decision, decide, marked, settle, is_active_admin, set_ban~10~concat(auth.hold(u.id), auth.wait_for(u.id, 'password'), auth.standing(u), auth.has_decisions(u.id), auth.with_decisions(u), auth.decide(u, u), auth.marked(u, u), auth.settle(u.id), auth.try_settle(u.id), auth.has_application_triggers('users'), auth.is_active_admin(u)) FROM auth.users u WHERE u.email = :me~
note_end, end_free, has_one_snapshot, refuse_if_outdated, settle_sessions, settle_grants, settle_all~10~concat(auth.note_end(ARRAY[gen_random_uuid()], 'revoked'), auth.settle_all())~
refusal, refusal_of_caller, require_role~300~concat(auth.refusal_of_caller('AUDITOR'), auth.require_role())~auth.require_role('READ_ONLY')
audits~20~count(*) FROM auth.audits(10)~auth.audits(0)
hold_password, hold_hash, held_hash~1~concat(auth.hold_password(u, 'x'), auth.hold_hash(u, :bcrypt), auth.held_hash(u)) FROM gen_random_uuid() AS u~
check_password~1~concat(auth.check_password(auth.uid(), 'x'), auth.check_password(NULL, 'x'))~
password_hash_problem~500~auth.password_hash_problem(:bcrypt)~
read_profile, oversized_metadata~300~concat(auth.read_profile('{"email": "a@b.c", "x": 1, "password": "x"}', 'email password', 'email'), auth.oversized_metadata('{"userMetadata": {"a": 1}}'))~
user_json, is_agent, iso_time~100~concat(auth.user_json(u), auth.is_agent(u.kind, u.email), auth.iso_time(now())) FROM auth.users u WHERE u.email = :me~
add_user, store_user~5~auth.add_user(jsonb_build_object('email', gen_random_uuid() || '@example.com', 'userMetadata', '{"a": 1}'::jsonb))~auth.add_user('{}', '[]')
create_user~50~auth.create_user('{"email": "ben@example.com"}')~auth.create_user('{}') FROM set_config('pg_principal.token', 'x', true)
agents_feed, agents_by_urgency, agent_json, token_expiries, refusals_by_hour, health_status, key_states, audit_status~20~concat(auth.agents_feed(5), auth.token_expiries(), auth.refusals_by_hour(), auth.health_status(), auth.key_states(), auth.audit_status())~
check_audit~1~auth.check_audit()~
get_user, find_user, list_users, search_users, is_match~50~concat(auth.get_user(), auth.find_user(auth.uid()), auth.list_users(1, 5), auth.search_users('ann'))~auth.get_user() FROM set_config('pg_principal.token', 'x', true)
is_project_key~1000~auth.is_project_key(:token) OR auth.is_project_key('x.y.z' || random())~
merged_metadata, registration_is_open, backend_proofs~300~auth.merged_metadata('{"a": 1}', '{"a": null}') FROM auth.registration_is_open(), auth.backend_proofs()~
update_account~10~auth.update_account('{"userMetadata": {"a": 1}}')~auth.update_account('{}') FROM set_config('pg_principal.token', 'x', true)
update_profile, change_user~10~auth.update_profile(jsonb_build_object('jobTitle', random()::text))~auth.update_profile('{}') FROM set_config('pg_principal.token', 'x', true)
update_user, set_app_role~3~auth.set_app_role(auth.uid(), 'ADMIN')~auth.update_user(NULL, '{}') FROM set_config('pg_principal.token', 'x', true)
import_users, is_point_in_time~20~auth.import_users('[]')~auth.import_users('[{"email": "x"}, 1]')
seconds, requested_ttl~300~auth.requested_ttl('{"a": 5}', 'a', 'access_token_ttl')~auth.seconds('nothing')
make_server_key~300~auth.make_server_key()~
first_refresh_token, read_refresh_token, equal_secrets~300~auth.equal_secrets('a', 'b') FROM auth.read_refresh_token((SELECT f.token FROM auth.first_refresh_token(gen_random_uuid()) AS f))~
judge_refresh, repeat_successor~200~concat(auth.judge_refresh(NULL, gen_random_uuid(), 1, true, NULL), auth.repeat_successor(NULL, gen_random_uuid(), 1))~
note_guess, forget_guesses, forget_sign_ins, guesses_taken_back, lock_end~500~(SELECT concat(auth.lock_end(5, now()), auth.forget_guesses(auth.uid()), auth.forget_sign_ins(ARRAY[auth.uid()])) FROM auth.guesses_taken_back(auth.uid(), '')) FROM auth.note_guess(auth.uid(), '', false)~1 / (SELECT failures - failures FROM auth.note_guess(gen_random_uuid(), '', false), auth.guesses_taken_back(gen_random_uuid(), ''))
admit_sign_in~10~auth.admit_sign_in(auth.uid(), true)~auth.admit_sign_in(NULL, false)
sign_in, judge_sign_in, start_session, session_payload, mint_token~1~auth.sign_in(:other, 'Th1sIsAStrong!Pass')~auth.sign_in(:other, 'x', '[]')
sign_in, refused~1~auth.sign_in('nobody@example.com', 'x')~
sign_up~50~auth.sign_up('{}')~auth.sign_up('{}', '[]')
refresh, exchange_refresh_token~50~auth.refresh(:refresh)~auth.refresh(:refresh, '[]')
refresh, rotating~5~refreshed(:me)~
refresh, refuse_refresh~10~auth.refresh('ppr_' || random())~
sign_out, leave_sessions~10~auth.sign_out('others') FROM set_config('pg_principal.token', :elsewhere, true)~auth.sign_out('x')
change_password, judge_new_password, lock_own_password~1~auth.change_password('wrong', 'x')~auth.change_password('x', 'y') FROM set_config('pg_principal.token', 'x', true)
prune_sessions, session_state~5~(SELECT auth.prune_sessions('1 year') + count(*) FROM auth.list_sessions(:me))~auth.prune_sessions('0')
drain_token_use, token_use_is_known~10~auth.token_use_is_known() FROM (SELECT count(*) FROM auth.drain_token_use()) AS d~
scan_agent_health, collect_incidents, agent_findings~10~(SELECT count(*) FROM auth.scan_agent_health('memory'))~
agent_health, list_incidents, incident_line~50~(SELECT count(auth.incident_line('x', NULL)) FROM auth.agent_health(), auth.list_incidents())~
check_installation, check_versions, check_keys, check_roles, check_grants, odd_grants, own_grants, gone_grantees, writable_views, check_doors, check_logs, check_tables, check_functions, function_digests, own_functions, this_server, check_clamps, check_collation, check_health, check_clocks, check_writing~1~count(*) FROM auth.check_installation('0.3.0', '1 s')~
changed_grants, changed_parts, own_parts, weakened_objects, secret_columns, logged_roles, setting_of, is_on, is_zero, clamp_findings~1~concat(auth.is_on('on'), auth.is_zero('0'), auth.setting_of(0, 'log_statement'), (SELECT count(*) FROM auth.logged_roles()), (SELECT count(*) FROM auth.own_parts()), (SELECT count(*) FROM auth.changed_parts()), (SELECT count(*) FROM auth.weakened_objects()), (SELECT count(*) FROM auth.secret_columns()), (SELECT count(*) FROM auth.changed_grants()), (SELECT count(*) FROM auth.clamp_findings('clamped', true)))~
restore_grants~1~auth.restore_grants('authenticated')~
without_gone_owner~100~auth.without_gone_owner('=r/postgres', 10)~
readiness, key_fault, library_version, version_parts~300~auth.readiness('0.3.0') FROM auth.key_fault('refresh') AS k, auth.key_fault('verifying', 'x') AS l, auth.library_version(), auth.version_parts('1.2')~auth.readiness((1 / 0)::text)
orphan_job_query~100~auth.orphan_job_query()~
require_cron, cron_is_here, health_scan_call, health_job, health_schedule, schedule_health_scan~100~1~auth.schedule_health_scan()
cron_is_here, unschedule_health_scan~100~1~auth.unschedule_health_scan()
set_password, end_sessions~1~auth.set_password(:other, 'Th1sIsAStrong!Pass')~auth.set_password(:other, 'weak')
ban_user, unban_user~3~concat(auth.ban_user(u.id), auth.unban_user(u.id)) FROM auth.users u WHERE u.email = :other~auth.ban_user(NULL) FROM set_config('pg_principal.token', 'x', true)
user_sessions, end_session~2~concat(auth.user_sessions(), auth.end_session(gen_random_uuid()))~auth.end_session(NULL) FROM set_config('pg_principal.token', 'x', true)
issue_for, delete_user, check_references, decide_user~20~concat(auth.issue_for(gen_random_uuid()), auth.delete_user(gen_random_uuid()))~auth.issue_for(NULL) FROM set_config('pg_principal.token', 'x', true)
audit_feed, incidents_feed, bad_page, bad_field~20~concat(auth.audit_feed(2), auth.incidents_feed(2), auth.audit_feed(0), auth.incidents_feed(2, 'x'))~auth.audit_feed(2) FROM set_config('pg_principal.token', 'x', true)
CASES
}

psql -Xq -v ON_ERROR_STOP=1 >"$dir/setup.log" 2>&1 <<'SQL' || { cat "$dir/setup.log" && exit 1; }
CREATE EXTENSION pg_principal;
CREATE TABLE clamped (owner text PRIMARY KEY);
INSERT INTO clamped VALUES ('ann@example.com'), ('ben@example.com');
CREATE TABLE bare (owner text);
CREATE ROLE reader;
GRANT SELECT ON clamped TO reader;
CREATE FUNCTION clamped_rows() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM clamped';
ALTER FUNCTION clamped_rows() OWNER TO reader;
SELECT auth.clamp('clamped', 'owner', 'self_and_reports');
SELECT auth.create_signing_key();
SELECT auth.import_signing_key('one that is there already, to be refused', false);
SELECT auth.push_people('[{"email": "ann@example.com", "name": "Ann"}, {"email": "ben@example.com", "name": "Ben", "manager_email": "ann@example.com"}]');
SELECT auth.provision();
UPDATE auth.users SET app_role = 'ADMIN';
SELECT auth.trust_issuer('issuer', '{us}', '{"keys": []}');
SELECT auth.trust_issuer('i', '{a}', '{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}', algorithms => '{EdDSA}');
SELECT auth.add_user(jsonb_build_object('email', 'bot-' || w || '@example.com', 'kind', 'service_account')) FROM unnest(ARRAY['ann', 'ben']) AS w;
SELECT auth.add_user(jsonb_build_object('email', 'other-' || w || '@example.com', 'password', 'Th1sIsAStrong!Pass')) FROM unnest(ARRAY['ann', 'ben']) AS w;
CREATE TABLE refresh_tokens AS SELECT w || '@example.com' AS who, s.payload->'tokens'->>'refreshToken' AS token, false AS is_used FROM unnest(ARRAY['ann', 'ben']) AS w, auth.sign_in('other-' || w || '@example.com', 'Th1sIsAStrong!Pass') AS s;
INSERT INTO refresh_tokens SELECT 'other-' || who, s.payload->'tokens'->>'refreshToken', true FROM refresh_tokens, auth.sign_in('other-' || who, 'Th1sIsAStrong!Pass') AS s;
SELECT auth.refresh(token) FROM refresh_tokens WHERE is_used;
UPDATE auth.sessions SET label = 'the test''s' WHERE origin = 'sign_in';
CREATE FUNCTION refreshed(text) RETURNS void LANGUAGE sql AS 'UPDATE refresh_tokens SET token = (auth.refresh(token)).payload->''tokens''->>''refreshToken'' WHERE who = $1';
SQL
# shellcheck disable=SC2016 # a hash
bcrypt='$2a$04$abcdefghijklmnopqrstuuxKk5Zp/ywkv.2T2gOSHljkrfsl.zCKu'
kid=$(psql -XqAt -c "SELECT kid FROM auth.list_signing_keys() WHERE state = 'in_use'")
pem=$(printf -- '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n')

# Each of the two sessions is somebody else, so that they seldom wait for each other.
be() { # NAME
    me=$1@example.com other=other-$1@example.com
    token=$(psql -XqAt -c "SELECT auth.issue('$me', '1y', 'the test''s')")
    elsewhere=$(psql -XqAt -c "SELECT s.payload->'tokens'->>'accessToken' FROM auth.sign_in('$other', 'Th1sIsAStrong!Pass') AS s")
    psql -Xqc "UPDATE auth.sessions SET label = 'the test''s' WHERE origin = 'sign_in'"
    refresh=$(psql -XqAt -c "SELECT token FROM refresh_tokens WHERE who = 'other-$me'")
}

# Substitutes what the cases call :token and so on, as SQL literals.
filled() {
    local text=$1
    text=${text//:me/\'$me\'}
    text=${text//:other/\'$other\'}
    text=${text//:elsewhere/\'$elsewhere\'}
    text=${text//:refresh/\'$refresh\'}
    text=${text//:bcrypt/\'$bcrypt\'}
    text=${text//:seal/\'$seal\'}
    text=${text//:foreign_token/auth.jwt_sign(\'\{\"iss\": \"i\", \"sub\": \"s\", \"aud\": \"a\", \"exp\": 4102444800\}\', :okp)}
    text=${text//:foreign_keys/\'\{\"keys\": [1, \{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\}]\}\'::jsonb}
    text=${text//:token/\'$token\'}
    text=${text//:bad/\'${token%????}AAAA\'}
    text=${text//:kid/\'$kid\'}
    text=${text//:pem/\'$pem\'}
    text=${text//:okp/\'\{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"d\": \"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\", \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"\}\'::jsonb}
    text=${text//:jwk/\'\{\"kty\": \"oct\", \"k\": \"c3VwZXItc2VjcmV0LWp3dC10b2tlbi13aXRoLWF0LWxlYXN0LTMyLWNoYXJzLTI\"\}\'::jsonb}
    text=${text//:material/\'one that is there already, to be refused\'}
    text=${text//:roster/(SELECT jsonb_agg(jsonb_build_object(\'email\', \'p\' || n || \'@example.com\', \'name\', \'P\')) FROM generate_series(1, 100) AS n)}
    printf '%s' "$text"
}

# Between statements the backend measures itself: the memory of its own that the kernel counts
# (shared buffers are not its own), and the bytes in use in its memory contexts.
measure() { # PREFIX of the variables for both
    cat <<SQL
SELECT (regexp_match(pg_read_file('/proc/self/status'), 'RssAnon:\\s+(\\d+)'))[1]::int AS rss, (SELECT (sum(used_bytes) / 1024)::int FROM pg_backend_memory_contexts) AS used \\gset $1
SQL
}

# A case is a procedure of its own, whose plans are made once; a failure is caught where it happens,
# as a driver's savepoint does. Once to warm up, a tenth as long; then between two measurements. What
# grew is called as often again, twice at most, and the last time counts: a leak grows each time, an allocator that settles does not.
script() { # NUMBER: the cases of one session, every second one
    local number=0 name share good bad n clean="DELETE FROM auth.sessions WHERE label IS DISTINCT FROM 'the test''s'; VACUUM auth.sessions, auth.audit_heads, auth.metrics;"
    measured() {
        measure before_
        cat <<SQL
CALL pg_temp.run_$number($n, NULL, NULL) \\gset
$clean
SQL
        measure after_
    }
    echo "SET pg_principal.token = '$token'; SET client_min_messages = error;"
    while IFS='~' read -r name share good bad; do
        number=$((number + 1))
        [ $((number % 2)) = "$1" ] || continue
        n=$((calls * share / 1000))
        cat <<SQL
CREATE PROCEDURE pg_temp.run_$number(calls int, OUT succeeded int, OUT failed int) LANGUAGE plpgsql AS \$run\$
BEGIN
    succeeded := 0;
    failed := 0;
    FOR i IN 1..calls LOOP
        BEGIN
            IF i % 2 = 0 AND ${#bad} > 0 THEN
                PERFORM $(filled "${bad:-1}");
            ELSE
                PERFORM $(filled "$good");
            END IF;
            succeeded := succeeded + 1;
        EXCEPTION WHEN OTHERS THEN
            failed := failed + 1;
        END;
        IF i % 1000 = 0 THEN
            COMMIT; -- what a transaction has written again and again it looks through each time
        END IF;
    END LOOP;
END \$run\$;
CALL pg_temp.run_$number($((n / 10 + 20)), NULL, NULL) \\gset
$clean
$(measured)
SELECT :after_rss - :before_rss >= $(bound "$n") OR :after_used - :before_used >= $context_bound AS grew \\gset
\\if :grew
$(measured)
SELECT :after_rss - :before_rss >= $(bound "$n") OR :after_used - :before_used >= $context_bound AS grew \\gset
\\if :grew
$(measured)
\\endif
\\endif
\\echo :succeeded :failed :before_rss :before_used :after_rss :after_used
SQL
    done < <(cases)
}
seal=$(psql -XqAt -c 'SELECT auth.audit_seal()')
for session in 0 1; do
    be "$([ $session = 0 ] && echo ann || echo ben)"
    script $session >"$dir/script$session.sql"
done
for session in 0 1; do # once nobody signs in any more whom the other would tidy away
    psql -XqAt -F ' ' -v ON_ERROR_STOP=1 -f "$dir/script$session.sql" 2>"$dir/err$session" | grep -v '^$' >"$dir/out$session" &
done
wait
is "both backends lived through it all" "$(head -n 5 "$dir/err0" "$dir/err1" | grep -v '^==>' | grep -v '^$')" ""

exec 4<"$dir/out0" 5<"$dir/out1"
number=0
while IFS='~' read -r name share _ bad; do
    number=$((number + 1))
    {
        read -r succeeded failed rss used rss_after used_after
    } <&$((4 + number % 2)) || {
        echo "not ok - $name: no answer"
        continue
    }
    n=$((calls * share / 1000))
    fails=$((${#bad} > 0 ? n / 2 : 0))
    is "$name: $n calls, $fails of them to fail" "$succeeded $failed" "$((n - fails)) $fails"
    grown=$((rss_after - rss)) grown_used=$((used_after - used))
    if [ "$grown" -lt "$(bound "$n")" ] && [ "$grown_used" -lt "$context_bound" ]; then
        echo "ok - $name: memory flat"
    else
        echo "not ok - $name: memory flat"
        echo "    the process grew by $grown kB, its contexts by $grown_used kB"
    fi
    [ -z "${VERBOSE-}" ] || echo "    $name: $grown kB, contexts $grown_used kB"
done < <(cases)

# whoever adds a function adds it here
missing=$(psql -XqAt -c "SELECT string_agg(DISTINCT proname, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'auth'::regnamespace AND prorettype <> 'trigger'::regtype
    AND \$cases\$$(cases)\$cases\$ !~ ('\\m' || proname || '\\M')")
is "every function is called" "$missing" ""
cluster_stop "$dir" fast
