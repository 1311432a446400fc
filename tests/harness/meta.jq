# PGXN Meta Spec 1.0.0: https://pgxn.org/spec/. $v holds the version in each control file.
def semver: type == "string" and test("^(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-?[a-zA-Z][-0-9A-Za-z]*)?$");
def text: type == "string" and length > 0;
def term: text and (length >= 2) and test("^[^\\s/\\\\\\p{Cc}]+$");
def must(cond; what): if cond then empty else what end;

. as $m
| [
    must($m.name | term; "name"),
    must($m.version | semver; "version"),
    must($m.version == $v[$m.name]; "version differs from the control file"),
    must($m.abstract | text; "abstract"),
    must($m.maintainer | (text or (type == "array" and length > 0 and all(text))); "maintainer"),
    must($m.license | (type != "null" and (tostring | length > 0)); "license"),
    must($m.license | if type == "string"
        then IN("agpl_3", "apache_2_0", "bsd", "gpl_2", "gpl_3", "lgpl_2_1", "mit", "mozilla_1_1", "open_source", "postgresql")
        else type == "object" or type == "array" end; "license is not a known one"),
    must($m.provides | type == "object" and length > 0; "provides"),
    ($m.provides // {} | to_entries[]
        | must(.key | term; "provides: name"),
          must(.value.file | text; "provides: file"),
          must(.value.version | semver; "provides: version"),
          must(.value.version == $v[.key]; "provides: version differs from the control file"),
          must(.key as $k | .value.file | contains("--\($v[$k]).sql"); "provides: file is of another version")),
    must($m["meta-spec"].version | IN("1.0.0"); "meta-spec: version"),
    must($m["meta-spec"] | (has("url") | not) or (.url | test("^https?://pgxn.org/(meta/spec.txt|spec/)")); "meta-spec: url"),
    must($m.release_status // "stable" | IN("stable", "testing", "unstable"); "release_status"),
    must($m.tags // [] | type == "array" and all(text and length <= 255); "tags"),
    must($m.prereqs // {} | all(.[][][]; type == "number" or text); "prereqs"),
    ($m | keys_unsorted[]
        | must(IN("abstract", "description", "generated_by", "license", "maintainer", "meta-spec", "name",
                  "no_index", "prereqs", "provides", "release_status", "resources", "tags", "version")
               or startswith("x_") or startswith("X_"); "unknown key " + .))
  ]
| if . == [] then true else ("META.json: " + join("; ") + "\n" | halt_error(1)) end
