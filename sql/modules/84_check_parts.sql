-- What is on the extension's tables. Whoever changes one takes over here what
-- `make test ONLY=system TESTS=doctor` prints.

CREATE OR REPLACE FUNCTION auth.own_parts(OUT tbl text, OUT part text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT split_part(l.line, ': ', 1), p.kind || ' ' || n.name
    FROM regexp_split_to_table(regexp_replace('
audit_heads: column failure_hour failures hash proven_failures pruned_hash pruned_seq
  sealed_seq seq suppressed user_id; constraint audit_heads_pkey |
audit_log: column actor_email actor_id changes created_at hash ip metadata previous_hash
  reason seq subject user_agent user_id; constraint audit_log_pkey audit_log_seq_check;
  index audit_log_created_at audit_log_refusals; policy operators own_entries; trigger
  keep_audit |
audit_pending: column actor_email actor_id changes id metadata; constraint
  audit_pending_pkey; trigger write_pending_audit |
audit_prunes: column entry hash seq user_id; constraint audit_prunes_pkey |
audit_sealed_heads: column hash seal_id seq user_id; constraint audit_sealed_heads_pkey |
audit_seals: column chains digest id seal sealed_at; constraint audit_seals_pkey |
audit_unlinked: column actor_email actor_id changes created_at id ip metadata reason subject
  user_agent user_id; constraint audit_unlinked_pkey; index audit_unlinked_user_id |
client_keys: column created_at id jwk user_id; constraint client_keys_pkey; trigger
  signal_change signal_truncate |
client_secrets: column created_at expires_at hash id label user_id; constraint
  client_secrets_hash_check client_secrets_label_check client_secrets_pkey; index
  client_secrets_user_id; trigger signal_change signal_truncate |
clients: column created_at owner_generation scopes user_id; constraint clients_pkey |
decisions: column app_role ban_origin ban_reason banned_before banned_until decided_at
  generations id kind kind_before on_roster owners role_before sets_ban settling user_id;
  constraint decisions_app_role_check decisions_ban_origin_check decisions_kind_check
  decisions_pkey; index decisions_user_id; trigger signal_change signal_truncate |
delegations: column agent_generation agent_id created_at expires_at granted_by id
  person_generation person_id scopes; constraint delegations_person_id_agent_id_key
  delegations_pkey; index delegations_agent_id; trigger signal_change signal_truncate |
device_codes: column client created_at decision expires_at hash ip poll_interval polled_at
  scopes session_id user_agent user_code_hash; constraint device_codes_decision_check
  device_codes_hash_check device_codes_pkey device_codes_session
  device_codes_user_code_hash_check device_codes_user_code_hash_key; index
  device_codes_client device_codes_expires_at |
ended_grants: column grant_id id; constraint ended_grants_pkey; index ended_grants_grant_id;
  trigger signal_change |
ended_sessions: column id revoke_reason revoked_as revoked_at session_id; constraint
  ended_sessions_pkey ended_sessions_revoked_as_check; index ended_sessions_session_id;
  trigger signal_change signal_truncate |
incidents: column created_at detected_at email id kind metadata reason resolved_at subject
  user_id; constraint incidents_kind_check incidents_pkey; index incidents_created_at
  incidents_open incidents_open_finding incidents_refusals incidents_undetected
  incidents_urgency incidents_user_id |
issuer_rules: column claims created_at id issuer owner_generation scopes user_id; constraint
  issuer_rules_issuer_user_id_key issuer_rules_pkey; index issuer_rules_user_id;
  trigger signal_change signal_truncate |
login_roles: column app_role created_at database_role kind user_id; constraint
  login_roles_app_role_check login_roles_database_role_check login_roles_key
  login_roles_kind_check login_roles_somebody; trigger audit_change audit_new audit_truncate
  |
metrics: column kind label name shard updated_at value; constraint metrics_kind_check
  metrics_pkey |
organization_people: column discipline email github_username kind level manager_email name
  team track updated_at; constraint organization_people_email_check
  organization_people_github_username_key organization_people_kind_check
  organization_people_manager_email_fkey organization_people_name_check
  organization_people_no_own_manager organization_people_pkey
  organization_people_service_account; index organization_people_manager_email; policy
  pg_principal_clamp pg_principal_permit; trigger adopt_all_leavers adopt_leavers
  audit_delete audit_insert audit_truncate audit_update follow_email follow_kind
  meet_renamed meet_returners |
password_hashes: column hash user_id; constraint password_hashes_pkey |
public_clients: column client_id created_at id name scopes token_ttl; constraint
  public_clients_client_id_check public_clients_client_id_key public_clients_name_check
  public_clients_pkey public_clients_token_ttl_check; trigger signal_change signal_truncate |
refresh_tokens: column created_at expires_at generation hash invalidated_as previous_hash
  repeated_generation session_id; constraint refresh_tokens_hash_check
  refresh_tokens_invalidated_as_check refresh_tokens_pkey refresh_tokens_previous_hash_check
  |
roster_leavers: column github_username held kind name user_id; constraint
  roster_leavers_pkey |
server_keys: column created_at material name sealed_under; constraint server_keys_pkey;
  trigger signal_change signal_truncate |
sessions: column agent_generations agents created_at credential_id expires_at generation
  grants id ip kid label last_used_at origin parents revoke_reason revoked_as revoked_at role
  scopes user_agent user_id; constraint sessions_check
  sessions_pkey; index sessions_grants sessions_issued
  sessions_user_id; trigger audit_delete audit_insert audit_truncate audit_update
  delete_all_refresh_tokens delete_refresh_tokens signal_delete signal_truncate signal_update |
sign_in_attempts: column failures last_failure_at last_success_at locked_until source
  user_id; constraint sign_in_attempts_pkey |
signing_keys: column activated_at alg created_at kid material public_jwk retired_at
  revoked_at sealed_under state; constraint signing_keys_kid_check signing_keys_pkey
  signing_keys_state_check; index signing_keys_one_in_use; trigger audit_change audit_new
  audit_truncate signal_change signal_truncate |
trusted_issuers: column algorithms audiences created_at fetch_attempt fetch_attempted_at
  fetch_due_at fetch_failures fetch_problem issuer jwks jwks_url keys_read_at max_life
  required_claims single_use; constraint trusted_issuers_max_life_check trusted_issuers_pkey;
  trigger delete_all_rules delete_rules |
used_assertions: column expires_at hash; constraint used_assertions_pkey; index
  used_assertions_expires_at |
users: column app_role ban_origin ban_reason banned_until created_at email
  email_autoconfirmed email_confirmed_at encrypted_password first_name id job_title kind
  last_name last_sign_in_at on_roster owner_generation password_changed_at password_scheme
  password_version phone_number raw_app_meta_data raw_user_meta_data self_registered
  session_generation updated_at; constraint users_app_role_check users_ban
  users_ban_origin_check users_email_check users_email_key users_first_name_check
  users_job_title_check users_kind_check users_last_name_check users_phone_number_check
  users_pkey; index users_agents users_created_at; trigger audit_changes audit_delete
  audit_insert audit_truncate audit_update carry_email delete_all_clients
  delete_all_delegations delete_all_sessions delete_clients delete_delegations
  delete_sessions forget_predecessor mark_ban
  mark_new_ban signal_delete signal_truncate signal_update store_hash store_new_hash
  take_hash take_new_hash
', '[[:space:]]+', ' ', 'g'), ' [|] ') AS w (whole),
        LATERAL btrim(w.whole) AS l (line),
        LATERAL regexp_split_to_table(split_part(l.line, ': ', 2), '; ') AS k (names),
        LATERAL split_part(k.names, ' ', 1) AS p (kind),
        LATERAL regexp_split_to_table(substr(k.names, length(p.kind) + 2), ' ') AS n (name);
END;
COMMENT ON FUNCTION auth.own_parts() IS
'Internal: the columns, indexes, constraints, triggers and policies that the extension makes on '
'its tables.';
