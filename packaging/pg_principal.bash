# bash completion of pg_principal: verbs and options are what --help of the verb typed so far lists.
_pg_principal() {
    local word verbs=() help
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == [a-z]* && $word != *=* ]] || break
        verbs+=("$word")
    done
    help=$("${COMP_WORDS[0]}" "${verbs[@]}" --help 2>/dev/null) || return
    case ${COMP_WORDS[COMP_CWORD]} in
    -*) mapfile -t COMPREPLY < <(compgen -W "$(grep -oE '^  [^ ]+' <<<"$help" | grep -oE -- '-(-[a-z-]+|[a-z])')" -- "${COMP_WORDS[COMP_CWORD]}") ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W "$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z-][a-z-]*\) .*/\1/p' <<<"$help")" -- "${COMP_WORDS[COMP_CWORD]}")
        ;;
    esac
}
complete -o default -F _pg_principal pg_principal
