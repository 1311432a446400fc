#include "api/api.hpp"

namespace pg_principal::api {

const char *component_schemas() noexcept {
    return R"json({
"OAuthError": {
  "type": "object", "required": ["error"],
  "properties": {"error": {"type": "string"}, "error_description": {"type": "string"}}},
"Role": {"enum": ["READ_ONLY", "ANALYST", "AUDITOR", "ADMIN"]},
"Kind": {"enum": ["person", "service_account"]},
"Time": {"type": ["string", "null"], "format": "date-time"},
"Text": {"type": ["string", "null"]},
"User": {
  "type": "object", "required": ["id", "email", "kind", "role", "createdAt"],
  "properties": {
    "id": {"type": "string", "format": "uuid"}, "email": {"type": "string"},
    "kind": {"$ref": "#/components/schemas/Kind"}, "role": {"$ref": "#/components/schemas/Role"},
    "firstName": {"$ref": "#/components/schemas/Text"}, "lastName": {"$ref": "#/components/schemas/Text"},
    "jobTitle": {"$ref": "#/components/schemas/Text"}, "phoneNumber": {"$ref": "#/components/schemas/Text"},
    "userMetadata": {"type": "object"}, "appMetadata": {"type": "object"},
    "emailConfirmedAt": {"$ref": "#/components/schemas/Time"}, "bannedUntil": {"$ref": "#/components/schemas/Time"},
    "passwordChangedAt": {"$ref": "#/components/schemas/Time"}, "lastSignInAt": {"$ref": "#/components/schemas/Time"},
    "createdAt": {"$ref": "#/components/schemas/Time"}, "updatedAt": {"$ref": "#/components/schemas/Time"}}},
"Profile": {"type": "object", "required": ["user"], "properties": {"user": {"$ref": "#/components/schemas/User"}}},
"Users": {
  "type": "object", "required": ["users", "total"],
  "properties": {"users": {"type": "array", "items": {"$ref": "#/components/schemas/User"}}, "total": {"type": "integer"}}},
"Session": {
  "type": "object", "required": ["user", "tokens"],
  "properties": {
    "user": {"$ref": "#/components/schemas/User"},
    "tokens": {
      "type": "object", "required": ["accessToken", "accessTokenExpiresIn", "refreshToken", "refreshTokenExpiresIn"],
      "properties": {
        "accessToken": {"type": "string"}, "accessTokenExpiresIn": {"type": "integer"},
        "refreshToken": {"type": "string"}, "refreshTokenExpiresIn": {"type": "integer"}}}}},
"ProfileChanges": {
  "type": "object", "additionalProperties": false,
  "properties": {
    "firstName": {"type": ["string", "null"], "maxLength": 64}, "lastName": {"type": ["string", "null"], "maxLength": 64},
    "jobTitle": {"type": ["string", "null"], "maxLength": 128}, "phoneNumber": {"type": ["string", "null"], "maxLength": 32},
    "userMetadata": {"type": "object"}}},
"Registration": {
  "type": "object", "required": ["email", "password"], "additionalProperties": false,
  "properties": {
    "email": {"type": "string", "maxLength": 254}, "password": {"type": "string", "maxLength": 128},
    "firstName": {"type": ["string", "null"], "maxLength": 64}, "lastName": {"type": ["string", "null"], "maxLength": 64},
    "jobTitle": {"type": ["string", "null"], "maxLength": 128}, "phoneNumber": {"type": ["string", "null"], "maxLength": 32},
    "userMetadata": {"type": "object"}}},
"NewUser": {
  "type": "object", "required": ["email"], "additionalProperties": false,
  "properties": {
    "email": {"type": "string", "maxLength": 254}, "password": {"type": "string", "maxLength": 128},
    "firstName": {"type": ["string", "null"], "maxLength": 64}, "lastName": {"type": ["string", "null"], "maxLength": 64},
    "jobTitle": {"type": ["string", "null"], "maxLength": 128}, "phoneNumber": {"type": ["string", "null"], "maxLength": 32},
    "role": {"$ref": "#/components/schemas/Role"}, "kind": {"$ref": "#/components/schemas/Kind"},
    "userMetadata": {"type": "object"}, "appMetadata": {"type": "object"}, "emailConfirmed": {"type": "boolean"},
    "id": {"type": "string", "format": "uuid"}, "passwordHash": {"type": "string"},
    "banDuration": {"type": "string"}}},
"Audits": {
  "type": "object", "required": ["audits", "nextCursor"],
  "properties": {
    "nextCursor": {"$ref": "#/components/schemas/Text"},
    "audits": {"type": "array", "items": {
      "type": "object", "required": ["id", "userId", "actorId", "actorEmail", "actorName", "changes", "createdAt"],
      "properties": {
        "id": {"type": "string", "format": "uuid"}, "userId": {"type": "string", "format": "uuid"},
        "actorId": {"type": ["string", "null"], "format": "uuid"}, "actorEmail": {"$ref": "#/components/schemas/Text"},
        "actorName": {"$ref": "#/components/schemas/Text"}, "createdAt": {"$ref": "#/components/schemas/Time"},
        "changes": {"type": "object", "additionalProperties": {
          "type": "object", "required": ["previous", "current"], "properties": {"previous": {}, "current": {}}}},
        "reason": {"$ref": "#/components/schemas/Text"}, "metadata": {"type": ["object", "null"]},
        "ip": {"$ref": "#/components/schemas/Text"}, "userAgent": {"$ref": "#/components/schemas/Text"}}}}}},
"Sessions": {
  "type": "object", "required": ["sessions"],
  "properties": {"sessions": {"type": "array", "items": {
    "type": "object", "required": ["id", "origin", "state", "createdAt", "expiresAt", "current"],
    "properties": {
      "id": {"type": "string", "format": "uuid"}, "label": {"$ref": "#/components/schemas/Text"},
      "scopes": {"type": ["array", "null"], "items": {"type": "string"}}, "origin": {"enum": ["issued", "sign_in"]},
      "state": {"enum": ["live", "expired", "banned", "revoked", "signed_out", "password_rotated", "reuse"]},
      "createdAt": {"$ref": "#/components/schemas/Time"}, "expiresAt": {"$ref": "#/components/schemas/Time"},
      "lastUsedAt": {"$ref": "#/components/schemas/Time"}, "revokedAt": {"$ref": "#/components/schemas/Time"},
      "revokeReason": {"$ref": "#/components/schemas/Text"}, "ip": {"$ref": "#/components/schemas/Text"},
      "userAgent": {"$ref": "#/components/schemas/Text"}, "current": {"type": "boolean"}}}}}},
"IssuedToken": {
  "type": "object", "required": ["token", "sessionId", "expiresAt"],
  "properties": {
    "token": {"type": "string"}, "sessionId": {"type": "string", "format": "uuid"},
    "expiresAt": {"$ref": "#/components/schemas/Time"}}},
"Incidents": {
  "type": "object", "required": ["incidents", "nextCursor"],
  "properties": {
    "nextCursor": {"$ref": "#/components/schemas/Text"},
    "incidents": {"type": "array", "items": {
      "type": "object", "required": ["id", "kind", "userId", "email", "reason", "createdAt"],
      "properties": {
        "id": {"type": "string", "format": "uuid"}, "kind": {"type": "string"},
        "userId": {"type": "string", "format": "uuid"}, "email": {"type": "string"}, "reason": {"type": "string"},
        "metadata": {"type": "object"}, "createdAt": {"$ref": "#/components/schemas/Time"},
        "detectedAt": {"$ref": "#/components/schemas/Time"}, "resolvedAt": {"$ref": "#/components/schemas/Time"}}}}}},
"Agents": {
  "type": "object", "required": ["agents", "nextCursor"],
  "properties": {
    "nextCursor": {"$ref": "#/components/schemas/Text"},
    "agents": {"type": "array", "items": {
      "type": "object", "required": ["id", "email", "kind", "role", "urgency", "issuedTokens", "signedInSessions", "refusals", "findings"],
      "properties": {
        "id": {"type": "string", "format": "uuid"}, "email": {"type": "string"},
        "kind": {"$ref": "#/components/schemas/Kind"}, "role": {"$ref": "#/components/schemas/Role"},
        "urgency": {"enum": ["refused", "silent", "expiring", "finding", "none"]}, "bannedUntil": {"$ref": "#/components/schemas/Time"},
        "issuedTokens": {"type": "integer"}, "signedInSessions": {"type": "integer"},
        "nextExpiry": {"$ref": "#/components/schemas/Time"}, "lastUsedAt": {"$ref": "#/components/schemas/Time"}, "lastRefreshAt": {"$ref": "#/components/schemas/Time"},
        "refusals": {"type": "integer"}, "lastRefusalAt": {"$ref": "#/components/schemas/Time"}, "lastRefusalReason": {"$ref": "#/components/schemas/Text"},
        "findings": {"type": "array", "items": {
          "type": "object", "required": ["kind", "reason", "expiresAt", "since"],
          "properties": {"kind": {"type": "string"}, "reason": {"type": "string"}, "expiresAt": {"$ref": "#/components/schemas/Time"}, "since": {"$ref": "#/components/schemas/Time"}}}}}}}}},
"Expiries": {
  "type": "object", "required": ["from", "days"],
  "properties": {
    "from": {"$ref": "#/components/schemas/Time"},
    "days": {"type": "array", "items": {
      "type": "object", "required": ["day", "tokens"],
      "properties": {"day": {"type": "string", "format": "date"}, "tokens": {"type": "integer"}}}}}},
"Refusals": {
  "type": "object", "required": ["from", "to", "refusals"],
  "properties": {
    "from": {"$ref": "#/components/schemas/Time"}, "to": {"$ref": "#/components/schemas/Time"},
    "refusals": {"type": "array", "items": {
      "type": "object", "required": ["hour", "what", "reason", "count"],
      "properties": {"hour": {"$ref": "#/components/schemas/Time"}, "what": {"enum": ["signIn", "refresh"]}, "reason": {"$ref": "#/components/schemas/Text"}, "count": {"type": "integer"}}}}}},
"HealthStatus": {
  "type": "object", "required": ["lastScanAt", "cronDatabase", "jobId", "problem", "remedy", "agents", "findings"],
  "properties": {
    "lastScanAt": {"$ref": "#/components/schemas/Time"}, "cronDatabase": {"$ref": "#/components/schemas/Text"}, "jobId": {"type": ["integer", "null"]}, "schedule": {"$ref": "#/components/schemas/Text"},
    "active": {"type": ["boolean", "null"]}, "lastRunAt": {"$ref": "#/components/schemas/Time"}, "lastStatus": {"$ref": "#/components/schemas/Text"}, "lastMessage": {"$ref": "#/components/schemas/Text"},
    "failedRuns": {"type": ["integer", "null"]}, "problem": {"$ref": "#/components/schemas/Text"}, "remedy": {"$ref": "#/components/schemas/Text"}, "agents": {"type": ["integer", "null"]},
    "findings": {"type": "object", "additionalProperties": {"type": "integer"}}}},
"SigningKeys": {
  "type": "object", "required": ["keys"],
  "properties": {"keys": {"type": "array", "items": {
    "type": "object", "required": ["kid", "alg", "state", "sealed", "createdAt"],
    "properties": {
      "kid": {"type": "string"}, "alg": {"type": "string"}, "state": {"enum": ["standby", "in_use", "previously_used", "revoked"]},
      "sealed": {"type": "boolean"}, "createdAt": {"$ref": "#/components/schemas/Time"}, "activatedAt": {"$ref": "#/components/schemas/Time"}, "retiredAt": {"$ref": "#/components/schemas/Time"}, "revokedAt": {"$ref": "#/components/schemas/Time"}}}}}},
"AuditStatus": {
  "type": "object", "required": ["lastScanAt", "faults", "lastSeal"],
  "properties": {
    "lastScanAt": {"$ref": "#/components/schemas/Time"}, "faults": {"type": ["integer", "null"]},
    "lastSeal": {
      "type": ["object", "null"], "required": ["number", "sealedAt", "chains", "digest"],
      "properties": {"number": {"type": "integer"}, "sealedAt": {"$ref": "#/components/schemas/Time"}, "chains": {"type": "integer"}, "digest": {"type": "string"}}}}},
"AuditVerification": {
  "type": "object", "required": ["holds", "faults", "checkedAt"],
  "properties": {
    "holds": {"type": "boolean"}, "checkedAt": {"$ref": "#/components/schemas/Time"},
    "faults": {"type": "array", "items": {
      "type": "object", "required": ["userId", "entry", "fault"],
      "properties": {"userId": {"type": ["string", "null"], "format": "uuid"}, "entry": {"type": ["integer", "null"]}, "fault": {"type": "string"}}}}}},
"SupabaseUser": {
  "type": "object",
  "required": ["id", "aud", "role", "email", "phone", "app_metadata", "user_metadata", "identities", "created_at", "is_anonymous"],
  "properties": {
    "id": {"type": "string", "format": "uuid"}, "aud": {"type": "string"}, "role": {"type": "string"},
    "email": {"type": "string"}, "phone": {"type": "string"}, "is_anonymous": {"const": false},
    "email_confirmed_at": {"type": "string", "format": "date-time"},
    "confirmed_at": {"type": "string", "format": "date-time"},
    "last_sign_in_at": {"type": "string", "format": "date-time"},
    "banned_until": {"type": "string", "format": "date-time"},
    "created_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"},
    "app_metadata": {
      "type": "object", "required": ["provider", "providers", "pg_principal"],
      "properties": {"pg_principal": {
        "type": "object", "required": ["kind", "role"],
        "properties": {"kind": {"$ref": "#/components/schemas/Kind"}, "role": {"$ref": "#/components/schemas/Role"}}}}},
    "user_metadata": {"type": "object"}, "identities": {"type": "array", "items": {"type": "object"}}}},
"SupabaseUsers": {
  "type": "object", "required": ["users", "aud"],
  "properties": {"users": {"type": "array", "items": {"$ref": "#/components/schemas/SupabaseUser"}}, "aud": {"type": "string"}}},
"SupabaseUserAttributes": {
  "type": "object",
  "properties": {
    "id": {"type": "string", "format": "uuid"}, "email": {"type": "string"}, "password": {"type": "string"},
    "password_hash": {"type": "string"}, "phone": {"type": "string"}, "email_confirm": {"type": "boolean"},
    "ban_duration": {"type": "string"}, "user_metadata": {"type": "object"}, "app_metadata": {"type": "object"}}},
"SupabaseSession": {
  "type": "object", "required": ["access_token", "token_type", "expires_in", "expires_at", "refresh_token", "user"],
  "properties": {
    "access_token": {"type": "string"}, "token_type": {"const": "bearer"}, "expires_in": {"type": "integer"},
    "expires_at": {"type": "integer"}, "refresh_token": {"type": "string"},
    "user": {"$ref": "#/components/schemas/SupabaseUser"}}},
"SupabaseError": {
  "type": "object", "required": ["code"],
  "properties": {
    "code": {"type": ["integer", "string"]}, "error_code": {"type": "string"}, "msg": {"type": "string"},
    "message": {"type": "string"},
    "weak_password": {"type": "object", "properties": {"reasons": {"type": "array", "items": {"type": "string"}}}}}},
"Success": {"type": "object", "required": ["success"], "properties": {"success": {"const": true}}},
"Error": {
  "type": "object", "required": ["message"],
  "properties": {
    "message": {"type": "string"}, "error": {"type": "string"},
    "errors": {"type": "array", "items": {
      "type": "object", "required": ["field", "message"],
      "properties": {"field": {"type": "string"}, "message": {"type": "string"}}}}}}
})json";
}

} // namespace pg_principal::api
