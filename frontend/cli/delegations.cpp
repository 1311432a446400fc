#include "cli/app.hpp"

namespace pg_principal::cli {

namespace {

const std::vector<Verb> delegations_verbs = {
    {"create",
     "Let an agent act for a person",
     "--person ann@example.com --agent kata-agent-team@example.com --ttl 30d --scope read",
     {{"--person", "For whom", needed},
      {"--agent", "The service account that acts", needed},
      {"--ttl", "Time to live: hours, days or years, as 24h, 90d, 1y (default 30d)", maybe, "TEXT",
       "30d"},
      {"--scope", "One that it gets; may be repeated", several}},
     makes("SELECT auth.delegate($1, $2, $3, $4)", "granted")},
    {"list",
     "List the grants",
     "\n--email ann@example.com",
     {{"--email", "Of which person or agent; all when not given"}},
     lists("SELECT id, person, agent, json(scopes), utc(created_at), utc(expires_at), state, "
           "granted_by FROM auth.list_delegations($1)",
           {"DELEGATION id, PERSON, AGENT, STATE, EXPIRES expires_at, SCOPES", "no delegations"})},
    {"end",
     "End a grant, and the tokens that were got by it",
     "0c6f1c5e-8a2f-4f0e-9d0a-3f0d6a1b2c3d",
     {{"DELEGATION", "Its id, as delegations list shows it", needed}},
     does("SELECT auth.end_delegation($1)", "ended", "no delegation {}",
          "List them: pg_principal delegations list.")},
};

} // namespace

const Family delegations_family{
    "delegations", "Which agents may act for whom",
    "create --person ann@example.com --agent kata-agent-team@example.com --scope read\n"
    "list",
    delegations_verbs};

} // namespace pg_principal::cli
