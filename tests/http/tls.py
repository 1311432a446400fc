"""TLS in the same server: versions, slow handshakes, and a certificate replaced while it runs."""

import os
import signal
import ssl
import subprocess
import sys
import tempfile

from wire import Reader, Server, ask, client_tls, connect, equal, main, ok, request, until


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "2",
                    "-subj", f"/CN={name}"],
                   check=True, capture_output=True)


def common_name(port):
    with connect(port) as sock, client_tls().wrap_socket(sock, server_hostname="localhost") as tls:
        text = ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True))
    done = subprocess.run(["openssl", "x509", "-noout", "-subject"], input=text,
        capture_output=True, text=True)
    return done.stdout.strip().split("CN")[-1].lstrip(" =")  # spaces around it by version


def encrypted():
    with tempfile.TemporaryDirectory() as folder:
        certificate(folder, "first")
        flags = ["--tls-cert", f"{folder}/cert.pem", "--tls-key", f"{folder}/key.pem"]
        with Server(*flags, "--max-body", "1000000", "--idle-timeout", "600") as server:
            equal("a request", ask(server.port, "/about", tls=client_tls())[0], 200)
            ok("the handler knows", '"secure":true' in ask(server.port, "/about",
                tls=client_tls())[2])
            for version, good in {ssl.TLSVersion.TLSv1_3: True, ssl.TLSVersion.TLSv1_2: True,
                                  ssl.TLSVersion.TLSv1_1: False}.items():
                context = client_tls(ssl.TLSVersion.MINIMUM_SUPPORTED, version)
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
                try:
                    answer = ask(server.port, tls=context)[0]
                except (ssl.SSLError, ConnectionError):
                    answer = None
                equal(f"{version.name}: {'spoken' if good else 'refused'}", answer,
                    200 if good else None)
            context = client_tls()
            context.set_alpn_protocols(["h2", "http/1.1"])
            with context.wrap_socket(connect(server.port), server_hostname="localhost") as tls:
                equal("ALPN", tls.selected_alpn_protocol(), "http/1.1")
            with client_tls().wrap_socket(connect(server.port), server_hostname="localhost") as tls:
                reader, sizes = Reader(tls), []
                for path in ["/hello", "/big/3000000", "/hello"]:
                    tls.sendall(request(path))
                    sizes.append(len(reader.response()[2]))
                equal("several on one connection, and a large answer", sizes, [6, 3_000_000, 6])
            body = os.urandom(900_000)
            got = ask(server.port, "/echo", "POST", body=body, tls=client_tls())
            ok("a large body there and back", got[2].encode("latin-1") == body)
            with connect(server.port) as sock:
                sock.sendall(request())
                ok("plain HTTP is no TLS", Reader(sock).response() is None)
            with Server(*flags, "--request-timeout", "600", "--idle-timeout", "600",
                    "--max-connections", "4") as small:
                silent = [connect(small.port) for _ in range(12)]
                equal("who never begins a handshake keeps nobody waiting",
                    [ask(small.port, tls=client_tls())[0] for _ in range(2)], [200, 200])
                for sock in silent:
                    sock.close()
            with Server(*flags, "--request-timeout", "2") as hasty:
                half = [connect(port) for port in (server.port, hasty.port) for _ in range(50)]
                for sock in half:
                    sock.sendall(b"\x16\x03\x01\x02\x00\x01")
                equal("half a handshake disturbs nobody", ask(server.port, tls=client_tls())[0],
                    200)
                ok("and ends", all(Reader(sock).at_end() for sock in half[50:]))
                for sock in half:
                    sock.close()

            old = client_tls().wrap_socket(connect(server.port), server_hostname="localhost")
            reader = Reader(old)
            old.sendall(request())
            reader.response()
            equal("before", common_name(server.port), "first")
            certificate(folder, "second")
            server.signal(signal.SIGHUP)
            ok("after SIGHUP", until(lambda: common_name(server.port) == "second"))
            old.sendall(request())
            equal("a connection from before goes on", reader.response()[0], 200)
            with open(f"{folder}/cert.pem", "w") as file:
                file.write("nonsense")
            server.signal(signal.SIGHUP)
            ok("a bad file is told of",
                until(lambda: any("old certificate" in line for line in server.errors), 5),
               server.errors)
            equal("and changes nothing", common_name(server.port), "second")
        refused = Server(*flags, wait=False)
        ok("no certificate: no start", refused.process.wait(10) == 1 and until(
            lambda: any("cannot read a certificate" in line for line in refused.errors), 5),
            refused.errors)


main(encrypted)
