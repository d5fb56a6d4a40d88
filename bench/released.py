"""A release on a cluster, and what is asked of its own Postgres; measures nothing."""

import base64

from sqlalchemy.engine import make_url

from quartet.runtime.kube.fetching import kubectl

SCRATCH = "quartet_capacity"
"""A database beside those of the services, for a moment."""
_AS_OWNER = 'PGPASSWORD=$(cat /etc/quartet/password) exec "$@"'


class Release:
    """A release, and what is asked of its Postgres."""

    def __init__(self, name: str, namespace: str) -> None:
        """Take its name and namespace."""
        self.name, self.namespace = name, namespace

    def sql(self, database: str, query: str) -> str:
        """Return what psql answers as the owner of all databases."""
        where = ["-n", self.namespace, "exec", f"deploy/{self.name}-postgres", "--"]
        asking = ["psql", "-U", "postgres", "-At", database, "-c", query]
        return kubectl(*where, "sh", "-c", _AS_OWNER, "owner", *asking).strip()

    def number(self, database: str, query: str) -> int:
        """Return a number that SQL answers."""
        return int(self.sql(database, query) or 0)

    def service(self, component: str) -> str:
        """Return the address of a service in the cluster, host:port."""
        path = "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}"
        return kubectl(
            "-n", self.namespace, "get", "service", f"{self.name}-{component}", "-o", path
        )

    def scratch(self) -> str:
        """Make an empty database beside the others, owned by the ledger's role; return its URL."""
        path = "jsonpath={.data.url}"
        encoded = kubectl(
            "-n", self.namespace, "get", "secret", f"{self.name}-database-ledger", "-o", path
        )
        url = make_url(base64.b64decode(encoded).decode())
        host, port = self.service("postgres").split(":")
        self.drop_scratch()
        self.sql("postgres", f"CREATE DATABASE {SCRATCH} OWNER {url.username}")
        own = url.set(host=host, port=int(port), database=SCRATCH)
        return own.render_as_string(hide_password=False)

    def drop_scratch(self) -> None:
        """Drop it again."""
        self.sql("postgres", f"DROP DATABASE IF EXISTS {SCRATCH} WITH (FORCE)")
