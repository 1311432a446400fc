#!/bin/bash
# unixODBC 2.3.11 with psqlODBC 13.02 (Debian 12): of a password in odbc.ini the first 990 octets count, and the one before it is used for longer.
#
# Where an access token is the password (IAM of the clouds, PAM modules that verify tokens), it is a JWT of 600 to 2,000 octets and is written anew every
# few minutes. The driver manager reads lines of odbc.ini into 1,000 octets (INI_MAX_LINE) and cuts the rest off without an error: the server
# answers that the token is malformed or the password wrong. The same token in PWD= of a connection string or as an argument of SQLConnect() arrives whole.
# And values stay in the process for 20 seconds and more (odbcinst/SQLGetPrivateProfileString.c, --enable-inicaching, on unless told otherwise): each
# look-up drops one value that has expired, and serves the others on. So whoever writes the file when a token has ended and connects sends the old one,
# even after half a minute in which nobody did. Neither is in the manual, and we found no issue; the main branch, after 2.3.14, has the same code.
# (The manager has a pool of its own, CPTimeout, and that has crashed programs: lurcher/unixODBC#210. Leave it off.)
# Way out: PWD= in the connection string.
#
#   the connection string, 2000 octets: the server is sent 2000
#   SQLConnect(), 2000 octets: the server is sent 2000
#   odbc.ini, 990 octets: the server is sent 990
#   odbc.ini, 2000 octets: the server is sent 990
#   odbc.ini, another password written: the server is sent the old one; half a minute later the old one, after ten connections the new one
# shellcheck source=findings/lib/find.sh
. "$(dirname "$0")/lib/find.sh"

need python3
debian odbc-postgresql=1:13.02.0000-2+b1 libodbc2=2.3.11-2+deb12u1 libodbcinst2=2.3.11-2+deb12u1 libltdl7=2.4.7-7~deb12u1 libpq5=15.18-0+deb12u1

cat >"$work/connect.py" <<'PYTHON'
import ctypes, socket, struct, sys, threading, time

folder, manager, driver = sys.argv[1:]
sent = []

def serve(connection):
    """As much of a PostgreSQL server as asks for a password in the clear, keeps it, and refuses."""
    with connection, connection.makefile("rb") as input:
        length, _ = struct.unpack("!ii", input.read(8))
        input.read(length - 8)
        connection.sendall(b"R" + struct.pack("!ii", 8, 3))
        _, length = struct.unpack("!ci", input.read(5))
        sent.append(input.read(length - 4)[:-1])
        refusal = b"SFATAL\0C28000\0Mno\0\0"
        connection.sendall(b"E" + struct.pack("!i", len(refusal) + 4) + refusal)

def listen(server):
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=listen, args=(server,), daemon=True).start()
port = server.getsockname()[1]
odbc = ctypes.CDLL(manager)
NTS = ctypes.c_short(-3)

def handle():
    environment, connection = ctypes.c_void_p(), ctypes.c_void_p()
    odbc.SQLAllocHandle(1, None, ctypes.byref(environment))
    odbc.SQLSetEnvAttr(environment, 200, ctypes.c_void_p(3), 0)
    odbc.SQLAllocHandle(2, environment, ctypes.byref(connection))
    return connection

def password(length, letter="t"):
    return letter * (length - 3) + "end"

def write(password):
    with open(f"{folder}/odbc.ini", "w") as file:
        for name in ("first", "second", "third"):
            file.write(f"[{name}]\nDriver={driver}\nServername=127.0.0.1\nPort={port}\nDatabase=shop\nUserName=app\nSSLmode=disable\nPassword={password}\n")

def connect_by_name(name):
    odbc.SQLConnect(handle(), name, NTS, None, 0, None, 0)
    return sent.pop()

text = f"Driver={driver};Server=127.0.0.1;Port={port};Database=shop;UID=app;SSLmode=disable;PWD={password(2000)}".encode()
odbc.SQLDriverConnect(handle(), None, text, ctypes.c_short(len(text)), None, 0, None, 0)
print(f"the connection string, 2000 octets: the server is sent {len(sent.pop())}")
write(password(990))
odbc.SQLConnect(handle(), b"first", NTS, b"app", NTS, password(2000).encode(), NTS)
print(f"SQLConnect(), 2000 octets: the server is sent {len(sent.pop())}")
print(f"odbc.ini, 990 octets: the server is sent {len(connect_by_name(b'second'))}")
write(password(2000))
print(f"odbc.ini, 2000 octets: the server is sent {len(connect_by_name(b'third'))}")

def which(name):
    got = connect_by_name(name)
    return "the old one" if got.startswith(b"t") else "the new one" if got.startswith(b"n") else got.decode()

write(password(100, "n"))
at_once = which(b"third")
time.sleep(30)
later = [which(b"third") for _ in range(10)]
print(f"odbc.ini, another password written: the server is sent {at_once}; half a minute later {later[0]}, after ten connections {later[-1]}")
PYTHON
lib=$(dirname "$work"/root/usr/lib/*/libodbc.so.2)
touch "$work/odbcinst.ini"
ODBCSYSINI=$work ODBCINI=$work/odbc.ini LD_LIBRARY_PATH=$lib timeout 120 \
    python3 "$work/connect.py" "$work" "$lib/libodbc.so.2" "$lib/odbc/psqlodbca.so" | expect 'the connection string, 2000 octets: the server is sent 2000
SQLConnect(), 2000 octets: the server is sent 2000
odbc.ini, 990 octets: the server is sent 990
odbc.ini, 2000 octets: the server is sent 990
odbc.ini, another password written: the server is sent the old one; half a minute later the old one, after ten connections the new one'
