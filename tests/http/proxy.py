"""nginx as frontend/nginx.conf sets it up, before a server; looks like a Server to those who call."""

import os
import pathlib
import shlex
import socket
import subprocess

from wire import connect, until

FRONT = os.environ["FRONT"]


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def certificate(name):
    line = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
    subprocess.run([*shlex.split(line), "-keyout", f"{FRONT}/key.pem", "-out", f"{FRONT}/cert.pem"],
        check=True, capture_output=True)
    os.chmod(f"{FRONT}/key.pem", 0o644)


class Nginx:
    def __init__(self, upstream, changes=()):
        self.port, self.tls, self.log = free_port(), free_port(), f"{FRONT}/nginx-access.log"
        certificate("proxy")
        text = pathlib.Path("frontend/nginx.conf").read_text(encoding="ascii")
        for old, new in [("RUN/", f"{FRONT}/"), ("CERTIFICATE", f"{FRONT}/cert.pem"),
                ("KEY", f"{FRONT}/key.pem"), ("SERVER_NAME", "_"),
                         ("127.0.0.1:9999", f"127.0.0.1:{upstream}"),
                         ("worker_processes auto", "worker_processes 1"),
                         ("listen 443 ssl;",
                         f"listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.tls} ssl;"),
                         ("access_log off;",
                         f"log_format forwarded '$upstream_status'; access_log {self.log} forwarded;"),
                         *changes]:
            if old not in text:
                raise RuntimeError(f"frontend/nginx.conf has no {old}")
            text = "\n".join(line if line.startswith("#") else line.replace(old, new)
                for line in text.split("\n"))
        pathlib.Path(f"{FRONT}/nginx.conf").write_text(text, encoding="ascii")
        pathlib.Path(self.log).unlink(missing_ok=True)
        line = os.environ.get("AS_SERVER", "").split()
        env = dict(word.split("=", 1) for word in line[:1] if "=" in word)
        self.process = subprocess.Popen([*line[len(env):], "nginx", "-e",
            f"{FRONT}/nginx-error.log", "-p", FRONT, "-c", f"{FRONT}/nginx.conf",
                                         "-g", "daemon off;"], env={**os.environ, **env})
        if not until(self.up):
            raise RuntimeError("nginx does not start")

    def up(self):
        try:
            connect(self.port).close()
            return True
        except OSError:
            return False

    def forwarded(self):
        """How many requests it has handed on."""
        with open(self.log, encoding="ascii") as log:
            return sum(1 for line in log if line.strip() not in ("", "-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
