#!/bin/bash
# serve_httplib: a server on Debian 12's cpp-httplib with the handlers that standard input has; sets $port.
# shellcheck source=findings/lib/find.sh
. "$(dirname "${BASH_SOURCE[0]}")/find.sh"

serve_httplib() {
    local flags lib
    need g++ python3
    debian libcpp-httplib-dev=0.11.4+ds-1+deb12u1 libcpp-httplib0.11=0.11.4+ds-1+deb12u1
    lib=$(dirname "$work"/root/usr/lib/*/libcpp-httplib.so)
    flags=$(sed -n 's/^Cflags: [^ ]* //p' "$lib/pkgconfig/cpp-httplib.pc")
    {
        printf '#include <httplib.h>\nusing httplib::Request, httplib::Response;\nint main() {\n    httplib::Server server;\n'
        cat
        printf '    std::printf("%%d\\n", server.bind_to_any_port("127.0.0.1"));\n    std::fflush(stdout);\n'
        printf '    return server.listen_after_bind() ? 0 : 1;\n}\n'
    } >"$work/server.cpp"
    # shellcheck disable=SC2086 # several flags
    timeout 300 g++ -std=c++17 $flags -I"$work/root/usr/include" "$work/server.cpp" -o "$work/server" -L"$lib" -lcpp-httplib -pthread ||
        not_tried "the server does not compile (libssl-dev, libbrotli-dev, zlib1g-dev?)"
    mkfifo "$work/port"
    LD_LIBRARY_PATH=$lib timeout 60 "$work/server" >"$work/port" &
    export server_pid=$!
    read -r -t 10 port <"$work/port" || not_tried "the server does not start"
    export port
}
