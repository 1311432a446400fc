"""psycopg 3 logs in with a token as its password. Lines on standard input: role, database, sslmode, token, statement,
with tabs between them; for each a line with the answer, or with SQLSTATE and message."""

import os
import sys

import psycopg


def answer(user, database, sslmode, password, statement):
    try:
        with psycopg.connect(host="127.0.0.1", port=os.environ["PGPORT"], user=user,
                dbname=database, sslmode=sslmode,
                             password=password) as connection:
            return str(connection.execute(statement).fetchone()[0])
    except psycopg.Error as error:
        return f"{error.sqlstate} {error}"


for line in sys.stdin:
    print(answer(*line.rstrip("\n").split("\t")).replace("\n", " "), flush=True)
