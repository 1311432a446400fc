# shellcheck shell=bash
# Jobs side by side, one more than there are cores, since many of them wait (JOBS=n takes n). Source it, then:
#   job NAME COMMAND..   puts a job into the line; what takes long begins first
#   run_jobs             runs them until none is left, and prints what each printed once it has ended
#   stop_jobs            ends those that run
# A job is a shell of its own: it adds to `passed` and `failed`, which come back from there. When one has
# ended, job_ended NAME may put more into the line. What is to be ended with a job it keeps in `running`.
#   job_alone NAME COMMAND..   puts a job behind all others: it compares times, and runs when no other does
job_names=() job_commands=() # the line
alone_names=() alone_commands=()
declare -A job_of=()         # process -> name

# Their times differ by two orders of magnitude: one that takes long and begins last is waited for alone.
takes_long=" build-unit system-health system-memory build-fuzz regress http-api http-console system-property http-supabase \
    system-held_ban system-crash cli-jose_interop "

job() {
    local before=${takes_long%% "$1" *} i
    if [ "$before" = "$takes_long" ]; then
        job_names+=("$1") job_commands+=("${*:2}")
        return
    fi
    for i in "${!job_names[@]}"; do # before the first that takes less
        local other=${takes_long%% "${job_names[i]}" *}
        [ ${#other} -gt ${#before} ] || continue
        job_names=("${job_names[@]:0:i}" "$1" "${job_names[@]:i}")
        job_commands=("${job_commands[@]:0:i}" "${*:2}" "${job_commands[@]:i}")
        return
    done
    job_names+=("$1") job_commands+=("${*:2}")
}

job_alone() { alone_names+=("$1") alone_commands+=("${*:2}"); }

start_job() { # FILE NAME COMMAND: what it prints goes to the file, its counts to FILE.counts
    local file=$1
    (
        passed=0 failed=0 running=
        trap 'echo "$BASHPID" >&"$ends"' EXIT
        trap 'stop_running; exit 143' TERM
        $3
        echo "$passed $failed" >"$file.counts"
    ) >"$file" 2>&1 &
    job_of[$!]=$2
}

stop_running() {
    [ -z "$running" ] || { kill -TERM "$running" 2>/dev/null && wait "$running" 2>/dev/null; }
}

run_jobs() { # FOLDER
    local folder=$1 slots=${JOBS:-$(($(nproc) + 1))} ends ended name good bad
    mkdir -p "$folder" && mkfifo "$folder/ends" && exec {ends}<>"$folder/ends" || exit 1
    while [ $((${#job_names[@]} + ${#job_of[@]} + ${#alone_names[@]})) -gt 0 ]; do
        if [ $((${#job_names[@]} + ${#job_of[@]})) = 0 ]; then
            job_names=("${alone_names[0]}") job_commands=("${alone_commands[0]}")
            alone_names=("${alone_names[@]:1}") alone_commands=("${alone_commands[@]:1}")
        fi
        while [ ${#job_names[@]} -gt 0 ] && [ ${#job_of[@]} -lt "$slots" ]; do
            start_job "$folder/${job_names[0]}" "${job_names[0]}" "${job_commands[0]}"
            job_names=("${job_names[@]:1}") job_commands=("${job_commands[@]:1}")
        done
        read -r ended <&"$ends"
        wait "$ended"
        name=${job_of[$ended]}
        unset "job_of[$ended]"
        cat "$folder/$name"
        if read -r good bad 2>/dev/null <"$folder/$name.counts"; then
            passed=$((passed + good)) failed=$((failed + bad))
        else
            echo "$name ended without a result"
            failed=$((failed + 1))
        fi
        job_ended "$name"
    done
}

stop_jobs() {
    [ ${#job_of[@]} = 0 ] || { kill -TERM "${!job_of[@]}" 2>/dev/null; wait "${!job_of[@]}" 2>/dev/null; }
}
