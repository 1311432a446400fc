"""What the HTTP tests share: servers to start, raw sockets to talk to them, checks to print."""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

DEMO = os.environ.get("DEMO_SERVER", "build/http/demo_server")
SERVER = os.environ.get("HTTP_SERVER", DEMO).split()  # a program, perhaps with a verb
USER = {"PGUSER": os.environ["HTTP_USER"]} if "HTTP_USER" in os.environ else {
    }  # of the server, not of psql

# Where what the servers write is kept besides, for a test that looks through it all.
ACCESS_LOG, SERVER_ERRORS = os.environ.get("ACCESS_LOG", "off"), os.environ.get("SERVER_ERRORS")

# nobody loses a connection for want of speed, and who waits for one that is slow waits for longer than a test does
PATIENT = ["--request-timeout", "600", "--write-timeout", "600", "--checkout-timeout", "600"]


def ok(name, good, detail=""):
    print(("ok - " if good else "not ok - ") + name, flush=True)
    if not good and detail != "":
        print("    " + str(detail)[:2000].replace("\n", "\n    "), flush=True)
    return good


def equal(name, got, wanted):
    return ok(name, got == wanted, f"wanted {wanted!r}, got {got!r}")


class Server:
    """The demo server, or the one of $HTTP_SERVER, with some flags, on a port of its own choice."""

    def __init__(self, *flags, env=None, wait=True):
        self.process = subprocess.Popen(
            [*SERVER, "--listen", "127.0.0.1:0", *flags],
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **USER, "PG_PRINCIPAL_SERVE_ACCESS_LOG": ACCESS_LOG, **(env or {})})
        self.errors = []
        self.ready = threading.Event()
        self.port = None
        threading.Thread(target=self._read_errors, daemon=True).start()
        if wait and not self.ready.wait(60):
            raise RuntimeError("the server did not start: " + "".join(self.errors))

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)
            if SERVER_ERRORS:
                with open(SERVER_ERRORS, "a", encoding="utf-8") as file:
                    file.write(line)
            found = re.search(r"listening on https?://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                self.ready.set()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=60):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "killed"

    def woken(self):
        """How often its threads have waited for something so far."""
        folder = f"/proc/{self.process.pid}/task"
        return sum(int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", open(
            f"{folder}/{thread}/status").read()).group(1)) for thread in os.listdir(folder))

    def memory_mib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def connect(port, timeout=60, source=""):
    sock = socket.create_connection(("127.0.0.1", port), timeout=timeout, source_address=(source, 0)
        if source else None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def served(server, path="/hello", times=20):
    """Answered each time. Whoever would be waited for has to be one that goes on for longer than a minute."""
    return all((ask(server.port, path) or [0])[0] == 200 for _ in range(times))


class Reader:
    """Responses from a socket, one after the other."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.data += piece

    def response(self, head_only=False):
        """(status, headers in lower case, body); None at the end of the connection."""
        try:
            while b"\r\n\r\n" not in self.data:
                self._more()
            head, self.data = self.data.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, value = line.split(": ", 1)
                headers[name.lower()] = value
            status = int(lines[0].split(" ")[1])
            assert status != 401 or "www-authenticate" in headers, headers  # RFC 9110, section 15.5.2
            size = 0 if head_only else int(headers.get("content-length", 0))
            while len(self.data) < size:
                self._more()
            body, self.data = self.data[:size], self.data[size:]
            return status, headers, body.decode("latin-1")
        except (EOFError, ConnectionError):
            return None

    def at_end(self):
        """True when the server closes, with nothing more to say."""
        try:
            return self.data == b"" and self.sock.recv(1) == b""
        except ConnectionError:
            return True
        except (TimeoutError, socket.timeout):
            return False


def talk(port, data, timeout=10):
    """All responses to these bytes on one connection, until the server closes or falls silent."""
    with contextlib.closing(connect(port, timeout)) as sock:
        try:
            sock.sendall(data)
        except ConnectionError:
            pass
        reader, responses = Reader(sock), []
        sock.settimeout(timeout)
        while True:
            try:
                response = reader.response()
            except (TimeoutError, socket.timeout):
                return responses, "open"
            if response is None:
                return responses, "closed"
            responses.append(response)


def request(path="/hello", method="GET", headers=(), body=None, version="1.1", host="x"):
    lines = [f"{method} {path} HTTP/{version}"]
    lines += [f"Host: {host}"] if host is not None else []
    lines += list(headers)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def ask(port, path="/hello", method="GET", headers=(), body=None, timeout=60, tls=None, source=""):
    """One request on a connection of its own."""
    sock = connect(port, timeout, source)
    if tls:
        sock = tls.wrap_socket(sock, server_hostname="localhost")
    with contextlib.closing(sock):
        sock.sendall(request(path, method, list(headers) + ["Connection: close"], body))
        return Reader(sock).response(head_only=method == "HEAD")


def client_tls(minimum=ssl.TLSVersion.TLSv1_2, maximum=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context


def until(condition, seconds=60, pause=0.05):
    """True as soon as the condition holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return bool(condition())


def refuses(port):
    """True when nobody listens there any more."""
    try:
        connect(port).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        pass
    return False


def sql(statement):
    return subprocess.run(["psql", "-XAtqc", statement], check=True, capture_output=True,
        text=True).stdout.strip()


def gauge(server, name):
    text = ask(server.port, "/metrics")[2]
    return float(text.split(f"\npg_principal_{name} ")[1].split("\n")[0])


def asleep(what):
    """How many statements of a server wait, or sleep, in the function of that name."""
    return int(sql(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_principal serve' AND state = 'active' "
                   f"AND query ~ '{what}'"))


@contextlib.contextmanager
def held(number):
    """A lock that /held/NUMBER of the demo server waits for."""
    holder = subprocess.Popen(["psql", "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True)
    holder.stdin.write(f"SELECT pg_advisory_lock({number}) IS NULL;\n")
    holder.stdin.flush()
    holder.stdout.readline()
    try:
        yield
    finally:
        holder.communicate(timeout=60)


def main(*tests):
    for test in tests:
        try:
            test()
        except Exception as error:  # a test that breaks is one that fails
            ok(test.__name__, False, repr(error))
    sys.exit(0)
