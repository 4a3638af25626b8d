"""Where Optuna keeps the trials of sweeps: an SQLite file for one driver, PostgreSQL for several on any machines.

Optuna's own workers race for a database when they start, and wait for each other's locks when they write; here only
drivers write, and never two at once.
"""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from handgrad.errors import FileSystemError, UsageError

INSTALL = "sweeps need Optuna: python -m pip install 'handgrad[sweep]'"
LOCKS = 0x68616E64  # the first of the two numbers that PostgreSQL knows an advisory lock of ours by


class Crew(Protocol):
    """Those who drive sweeps in one storage, of whom this process, by its `name`, is one."""

    name: str

    def choosing(self) -> AbstractContextManager[Any]:
        """While the block runs, nobody else begins a trial or takes one over."""

    def alive(self, name: str) -> bool:
        """Whether another driver still runs."""

    def leave(self) -> None:
        """Let the others know that this one is gone."""


class Alone:
    """The only driver of an SQLite file, as long as it holds the lock on the file's neighbour."""

    def __init__(self, database: Path) -> None:
        self.name = secrets.token_hex(4)
        self._lock = os.open(f"{database}.lock", os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise FileSystemError(
                f"{database} is in use: another process drives this sweep. Wait for it, or share the work between "
                "several with --storage postgresql://..."
            ) from None

    def choosing(self) -> AbstractContextManager[Any]:
        """There is nobody to keep out."""
        return nullcontext()

    def alive(self, name: str) -> bool:
        """Only this one is."""
        return name == self.name

    def leave(self) -> None:
        """Give the lock back."""
        os.close(self._lock)


class Several:
    """Drivers on one PostgreSQL server, each with a lock of its own there that goes with its connection."""

    def __init__(self, engine: Any) -> None:
        self.name = secrets.token_hex(4)
        self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._ask("pg_advisory_lock", self.name)

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """One lock for all sweeps of the database: choosing takes milliseconds."""
        self._ask("pg_advisory_lock", "0")
        try:
            yield
        finally:
            self._ask("pg_advisory_unlock", "0")

    def alive(self, name: str) -> bool:
        """Whether its lock is held."""
        if name == self.name:
            return True
        free = self._ask("pg_try_advisory_lock", name)
        if free:
            self._ask("pg_advisory_unlock", name)
        return not free

    def leave(self) -> None:
        """Close the connection, and with it all locks."""
        self._connection.close()
        self._connection.engine.dispose()

    def _ask(self, function: str, name: str) -> Any:
        signed = int(name, 16) - (1 << 31)
        return self._connection.exec_driver_sql(f"SELECT {function}({LOCKS}, {signed})").scalar()


def require_optuna() -> None:
    """Raise a UsageError that names the extra, where Optuna is missing."""
    try:
        import optuna
    except ImportError as error:
        raise UsageError(INSTALL) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def sqlite_url(path: Path) -> str:
    """The storage in a file."""
    return f"sqlite:///{path.absolute()}"


def without_password(url: str) -> str:
    """What may be written down; PostgreSQL finds a password in ~/.pgpass or $PGPASSWORD."""
    return str(_parsed(url)._replace(password=None).render_as_string(hide_password=False))


def check_url(url: str) -> None:
    """Raise a UsageError unless `url` names a kind of storage that can be used here."""
    kind = _parsed(url).get_backend_name()
    if kind not in ("sqlite", "postgresql"):
        raise UsageError(f"storage must be sqlite:///FILE or postgresql://..., got {kind} (--storage)")


@contextmanager
def joined(url: str) -> Iterator[tuple[Crew, Any]]:
    """While the block runs, this process is a driver in the storage at `url`, whose tables are made if need be.

    Raises  UsageError for another kind of storage, or a missing driver; FileSystemError when it cannot be reached, or
            is in use by another driver and only has room for one.
    """
    check_url(url)
    with plainly(url):
        crew = _crew(url)
        try:
            with crew.choosing():  # Optuna makes its tables without a thought of others
                storage = _opened(url)
            try:
                yield crew, _with_memory(storage)
            finally:
                storage.engine.dispose()
        finally:
            crew.leave()


@contextmanager
def looked_at(url: str) -> Iterator[Any]:
    """The storage at `url`, to be read only; None while there are no tables in it."""
    check_url(url)
    if _parsed(url).get_backend_name() == "postgresql":
        with joined(url) as (_, storage):
            yield storage
    elif not _has_tables(Path(_parsed(url).database)):
        yield None
    else:
        with plainly(url):
            storage = _opened(url)
            try:
                yield _with_memory(storage)
            finally:
                storage.engine.dispose()


def at_work(url: str, drivers: Iterable[str]) -> bool:
    """Whether the storage at `url` is in use by its only driver, or by one of these where it has room for several."""
    if _parsed(url).get_backend_name() == "postgresql":
        with joined(url) as (crew, _):
            return any(crew.alive(driver) for driver in drivers)
    try:
        with open(f"{_parsed(url).database}.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _has_tables(path: Path) -> bool:
    """Whether the driver that makes the tables of an SQLite file has come to their last one."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT version_num FROM alembic_version").fetchone())
    except sqlite3.Error:
        return False


@contextmanager
def plainly(url: str) -> Iterator[None]:
    """While the block runs, what databases raise becomes a FileSystemError in one line."""
    import optuna
    import sqlalchemy

    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.StorageInternalError, sqlite3.Error) as error:
        reason = " ".join(str(error.__cause__ or error).split()).split(" (Background")[0][:200]
        raise FileSystemError(f"cannot use the storage {without_password(url)}: {reason}") from error


def _crew(url: str) -> Crew:
    import sqlalchemy

    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return Alone(Path(parsed.database))
    try:
        return Several(sqlalchemy.create_engine(_url(parsed)))
    except ImportError as error:
        raise UsageError(f"{error}: python -m pip install 'handgrad[postgresql]'") from error


def _opened(url: str) -> Any:
    import optuna
    import sqlalchemy

    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(parsed.database)) as database:
            database.execute("PRAGMA journal_mode = WAL")  # a commit then takes 1 ms in place of 30
    storage = optuna.storages.RDBStorage(_url(parsed))
    if parsed.get_backend_name() == "sqlite":
        # After a power cut the last seconds may be missing, but no file is torn: those trials' folders are found again.
        sqlalchemy.event.listen(storage.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = NORMAL"))
        storage.engine.dispose()
    return storage


def _with_memory(storage: Any) -> Any:
    """What is settled is not read twice."""
    import optuna

    return optuna.storages.get_storage(storage)


def _url(parsed: Any) -> str:
    driver = "postgresql+psycopg" if parsed.drivername == "postgresql" else parsed.drivername
    return str(parsed.set(drivername=driver).render_as_string(hide_password=False))


def _parsed(url: str) -> Any:
    require_optuna()
    import sqlalchemy

    try:
        return sqlalchemy.make_url(url)
    except sqlalchemy.exc.ArgumentError as error:
        raise UsageError(f"storage must be sqlite:///FILE or postgresql://..., got {url!r} (--storage)") from error
