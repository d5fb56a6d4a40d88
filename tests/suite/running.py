"""Starting the whole product for tests, on a folder of its own; what is done with it is no matter.

Another command for an app-id (crash points) or further environment goes into the run file.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import httpx
import yaml
from sqlalchemy import select
from sqlalchemy.orm import Session

from packs.payables.ledger import OrderRow
from packs.payables.sampling import sample_books
from quartet.contracts.base import Fields
from quartet.packs.load import load
from quartet.runtime.layout import HOST, DataFolder, repository
from quartet.runtime.manifests import run_file_of
from quartet.runtime.runfile import run_file
from quartet.runtime.shape import shape_of
from quartet.runtime.suite import Suite, running_suite
from quartet.service.database import connect
from services.toolbox.checker import problems
from tests.suite.client import PACK, Client
from tests.suite.here import quiet
from tests.suite.invoices import AMPLE_BOOKS

SEED_STEP = 10_000_000


@dataclass(frozen=True)
class Running:
    """A started suite, its folder, and a client of it."""

    data: DataFolder
    suite: Suite
    client: Client

    def invoke(
        self, caller: str, callee: str, verb: str, sent: Fields, named: str = ""
    ) -> httpx.Response:
        """Call a verb as an app of the suite, through its own sidecar and with its token.

        ``named`` is whose name the path bears, if not the caller's own.
        """
        token = self.data.api_token(caller).read_text().strip()
        port = next(one for one in self.suite.apps if one.app_id == caller).http_port
        return httpx.post(
            f"http://{HOST}:{port}/v1.0/invoke/{callee}/method/callers/{named or caller}/{verb}",
            json=sent,
            headers={"dapr-api-token": token},
            timeout=30,
            trust_env=False,
        )

    def ledger_problems(self) -> tuple[str, ...]:
        """Return what the toolbox's own checker finds wrong with the ledger."""
        with self._ledger() as session:
            return problems(session, load(PACK))

    def unused(self, seed: int) -> int:
        """Return the seed, or the next of a fixed row whose orders the ledger does not have yet.

        Order numbers are few: two seeds may have one in common, and a vendor bills its own alone.
        """
        with self._ledger() as session:
            taken = set(session.scalars(select(OrderRow.number)))
        row = count(seed, SEED_STEP)
        return next(s for s in row if not {o.number for o in sample_books(s).orders} & taken)

    @contextmanager
    def _ledger(self) -> Iterator[Session]:
        engine = connect(f"sqlite:///{self.data.root / 'toolbox' / 'ledger.db'}")
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()


@contextmanager
def reachable_folder(name: str) -> Iterator[Path]:
    """Make a folder that services with users of their own can reach; in pytest's they cannot."""
    folder = Path(mkdtemp(prefix=f"quartet-{name}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        rmtree(folder)


@contextmanager
def running_with_canary(
    folder: Path, base: str, env: Mapping[str, Mapping[str, str]]
) -> Iterator[Running]:
    """Run the product with a canary of one specialist, from files made for this suite."""
    shape, data = shape_of(PACK, (base,)), DataFolder(folder)
    path = run_file_of(shape, data.root / "manifests", env)
    with running_suite(data, shape, path, quiet) as suite, Client(data) as client:
        for books in AMPLE_BOOKS:
            client.operate("load_books", books)
        yield Running(data, suite, client)


@contextmanager
def running_product(
    folder: Path,
    commands: Mapping[str, Sequence[str]] | None = None,
    env: Mapping[str, Mapping[str, str]] | None = None,
) -> Iterator[Running]:
    """Run control plane and all services on a folder for the time of a ``with`` block.

    Of the samples that tests send again under other numbers, enough was received for all of them.
    """
    shape, data = shape_of(PACK), DataFolder(folder)
    path = folder / "dapr.yaml"
    path.write_text(yaml.safe_dump(run_file(shape, str(repository()), commands, env)))
    with running_suite(data, shape, path, quiet) as suite, Client(data) as client:
        for books in AMPLE_BOOKS:
            client.operate("load_books", books)
        yield Running(data, suite, client)
