"""A database of this run's own on a PostgreSQL server: two runs on one server do not meet, and nothing stays behind.

postgres_database.py probe              prints the address of this machine's server, if it lets us in
postgres_database.py create URL NAME    makes the database and prints its address
postgres_database.py drop URL NAME      removes it, and the test databases that were named after it
"""

import sys
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

LOCAL = "postgres://root@127.0.0.1:5432/postgres"
MAY_CREATE = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"


def probe() -> None:
    """Says where this machine's server is when the user root needs no password and may create databases."""
    try:
        with psycopg.connect(LOCAL, connect_timeout=3) as connection:
            row = connection.execute(MAY_CREATE).fetchone()
    except psycopg.OperationalError:
        return
    if row and row[0]:
        print(LOCAL)


def create(url: str, name: str) -> None:
    """Makes an empty database."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    print(urlsplit(url)._replace(path=f"/{name}").geturl())


def drop(url: str, name: str) -> None:
    """Removes it, and what a killed test run left."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = "SELECT datname FROM pg_database WHERE datname = %s OR starts_with(datname, %s)"
        for (found,) in connection.execute(query, [name, f"test_{name}"]).fetchall():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(found)))


if __name__ == "__main__":
    {"probe": probe, "create": create, "drop": drop}[sys.argv[1]](*sys.argv[2:])
