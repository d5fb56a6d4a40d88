"""Makes each service's database and role on the release's own Postgres: `python -m` this.

For development: with a Postgres of one's own, databases and roles are there already. The URLs come
from QUARTET_<NAME>_URL, the owner's password from POSTGRES_PASSWORD.
"""

import os
import re
import sys

import psycopg
from psycopg import sql
from sqlalchemy import URL

from quartet.runtime.errors import SetupError
from quartet.runtime.kube.gate import checked, unreachable, wait

OWNER = "postgres"


def main() -> None:
    """Make what is missing; exits with one line when it cannot."""
    named = {n: url for n, url in os.environ.items() if re.fullmatch(r"QUARTET_[A-Z]+_URL", n)}
    if not named or "POSTGRES_PASSWORD" not in os.environ:
        sys.exit("Give POSTGRES_PASSWORD and the QUARTET_..._URL of each database.")
    try:
        wanted = [checked(name, url) for name, url in named.items()]
        make_all(wanted, os.environ["POSTGRES_PASSWORD"])
    except SetupError as error:
        sys.exit(str(error))


def make_all(wanted: list[URL], password: str) -> None:
    """Make roles and databases as the owner, once Postgres answers; prints what was done."""
    owner = wanted[0].set(
        drivername="postgresql",
        username=OWNER,
        password=password,
        database=OWNER,
    )
    wait(lambda: unreachable(owner), "look at the pod of Postgres")
    own = owner.render_as_string(hide_password=False)
    with psycopg.connect(own, autocommit=True) as connection:
        for one in wanted:
            print(make(connection, one))  # noqa: T201 - the pod's log


def make(connection: "psycopg.Connection[tuple[object, ...]]", wanted: URL) -> str:
    """Make role and database of a URL, or set the role's password; return what was done."""
    role, name = sql.Identifier(str(wanted.username)), sql.Identifier(str(wanted.database))
    password = sql.Literal(str(wanted.password))
    known = _has(connection, "pg_roles", "rolname", wanted.username)
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, password))
    if _has(connection, "pg_database", "datname", wanted.database):
        return f"{wanted.database} is there"
    connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, role))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    return f"made {wanted.database}"


def _has(
    connection: "psycopg.Connection[tuple[object, ...]]", table: str, column: str, name: str | None
) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = %s").format(
        sql.Identifier(table), sql.Identifier(column)
    )
    return connection.execute(query, [name]).fetchone() is not None


if __name__ == "__main__":
    main()
