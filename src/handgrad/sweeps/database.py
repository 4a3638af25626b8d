"""Where the trials of sweeps are kept: an SQLite file for one driver, PostgreSQL for several on any machines.

Both take the same few statements. Only drivers write, and never two at once. A file that cannot be read is refused,
never taken for one without trials: whoever deletes it has the trials found again from their folders.
"""

import hashlib
import json
import os
import re
import secrets
import sqlite3
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from handgrad.errors import CorruptDataError, FileSystemError, HandgradError, UsageError
from handgrad.files import KILLED_SECONDS, TEMPORARY_PREFIX, is_locked, lock_file
from handgrad.plugins import how_to_install

LOCKS = 0x68616E64  # the first of the two numbers that PostgreSQL knows an advisory lock of ours by
TABLE = "handgrad_trials"
CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (study TEXT NOT NULL, number INTEGER NOT NULL, settled INTEGER NOT NULL, "
    "record TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (study, number))"
)
DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
REMEDY = "Delete it: `handgrad sweep resume` then finds the trials again from their folders"
LOCKED_SECONDS = 30.0


class Database:
    """A connection that takes statements with ? for each value."""

    def __init__(self, connection: Any, name: str, mark: str = "?") -> None:
        self._connection, self.name, self._mark = connection, name, mark

    def read(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows that a statement finds."""
        return list(self._connection.execute(statement.replace("?", self._mark), values).fetchall())

    def write(self, statement: str, *values: Any) -> int:
        """How many rows a statement changed; it is committed at once."""
        return int(self._connection.execute(statement.replace("?", self._mark), values).rowcount)

    def close(self) -> None:
        """Close the connection, and with it all locks that it has on a server."""
        self._connection.close()


def read_records(
    database: Database, study: str, after: int, among: Collection[int]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The trials of a study with numbers `after` that one, or `among` those, as plain data, each with its number.

    Raises  CorruptDataError where one is not as it was written.
    """
    marks = "-1" + ", ?" * len(among)
    statement = f"SELECT number, record, digest FROM {TABLE} WHERE study = ? AND (number > ? OR number IN ({marks}))"
    for number, record, digest in database.read(statement, study, after, *among):
        if digest != record_digest(study, number, record):
            raise CorruptDataError(f"{database.name} is damaged: trial {number} is not as written. {REMEDY}")
        yield number, dict(json.loads(record))


def record_digest(study: str, number: int, record: str) -> str:
    """What stands beside a row, so that a damaged one is known."""
    return hashlib.sha256(f"{study}/{number}/{record}".encode()).hexdigest()[:16]


class Drivers:
    """Those who drive sweeps in one storage, of whom this process, by its `name`, is one; of an SQLite file, the only
    one, as long as it holds the lock on the file's neighbour.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(4)

    def exclusive(self) -> AbstractContextManager[Any]:
        """While the block runs, nobody else begins a trial or takes one over."""
        return nullcontext()

    def alive(self, name: str) -> bool:
        """Whether another driver still runs."""
        return name == self.name


class SeveralDrivers(Drivers):
    """Drivers on one PostgreSQL server, each with a lock of its own there that goes with its connection."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database
        self._ask("pg_advisory_lock", self.name)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """One lock for all sweeps of the database: a choice takes milliseconds."""
        self._ask("pg_advisory_lock", "0")
        try:
            yield
        finally:
            self._ask("pg_advisory_unlock", "0")

    def alive(self, name: str) -> bool:
        """Whether its lock is held; a trial without a driver has the empty name."""
        if name in ("", self.name):
            return bool(name)
        free = self._ask("pg_try_advisory_lock", name)
        if free:
            self._ask("pg_advisory_unlock", name)
        return not free

    def _ask(self, function: str, name: str) -> Any:
        signed = int(name, 16) - (1 << 31)
        return self._database.read(f"SELECT {function}({LOCKS}, {signed})")[0][0]


def sqlite_url(path: Path) -> str:
    """The storage in a file."""
    return f"sqlite:///{path.absolute()}"


def without_password(url: str) -> str:
    """What may be written down; PostgreSQL finds a password in ~/.pgpass or $PGPASSWORD."""
    return re.sub(r"([?&])password=[^&]*&?", r"\1", re.sub(r"(://[^/:@]*):[^/]*@", r"\1@", url)).rstrip("?&")


def check_url(url: str) -> None:
    """Raise a UsageError unless `url` names a kind of storage that can be used here."""
    file = re.fullmatch(r"sqlite(\+\w+)?:///.*[^/]", url)
    if not file and not re.match(r"postgresql(\+\w+)?://", url):
        raise UsageError(
            f"storage must be sqlite:///FILE or postgresql://..., got {without_password(url)!r} (--storage)"
        )


@contextmanager
def open_storage(url: str) -> Iterator[tuple[Drivers, Database]]:
    """While the block runs, this process is a driver in the storage at `url`, whose table is made if need be.

    Raises  UsageError for another kind of storage, or a missing package; FileSystemError when it cannot be reached, or
            is in use by another driver and only has room for one; CorruptDataError when it is damaged.
    """
    check_url(url)
    with _translate_errors(url):
        if is_file(url):
            path = file_of(url)
            with _only_driver(path):
                if not os.path.lexists(path):
                    _make(path)
                with closing(_opened(path)) as database:
                    yield Drivers(), database
        else:
            with closing(_connected(url)) as database:
                drivers = SeveralDrivers(database)
                with drivers.exclusive():
                    database.write(CREATE)
                yield drivers, database


@contextmanager
def open_readonly(url: str) -> Iterator[Database | None]:
    """The storage at `url`, to be read only; None while there is no such file."""
    check_url(url)
    if not is_file(url):
        with open_storage(url) as (_, database):
            yield database
    elif not os.path.lexists(file_of(url)):
        yield None
    else:
        with _translate_errors(url), closing(_opened(file_of(url))) as database:
            yield database


def is_driven(url: str, names: Iterable[str]) -> bool:
    """Whether the storage at `url` is in use by its only driver, or by one of these where it has room for several."""
    if not is_file(url):
        with open_storage(url) as (drivers, _):
            return any(drivers.alive(name) for name in names)
    return is_locked(Path(f"{file_of(url)}.lock"))


@contextmanager
def _only_driver(database: Path) -> Iterator[None]:
    """Hold the lock on the file's neighbour, which goes with this process, however it ends."""
    try:
        lock = lock_file(Path(f"{database}.lock"), KILLED_SECONDS)
    except OSError as error:
        raise FileSystemError(f"cannot use {database}: {error.strerror}. Check its folder (--storage)") from error
    if lock is None:
        raise FileSystemError(
            f"{database} is in use: another process drives this sweep. Wait for it, or share the work between "
            "several with --storage postgresql://..."
        )
    try:
        yield
    finally:
        os.close(lock)


def _make(path: Path) -> None:
    """A file with an empty table, which appears whole; what an earlier file of that name left behind goes."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, suffix=".db", dir=path.parent)
        os.close(descriptor)
        with closing(sqlite3.connect(name)) as database:
            database.execute("PRAGMA journal_mode = WAL")  # a commit then takes 1 ms in place of 30
            database.execute(CREATE)
            database.commit()
        for ending in ("-wal", "-shm"):  # SQLite would take them for a part of the new file
            with suppress(FileNotFoundError):
                os.unlink(f"{path}{ending}")
        os.replace(name, path)
    except OSError as error:
        raise FileSystemError(f"cannot make {path}: {error.strerror}. Check free space and permissions") from error


def _opened(path: Path) -> Database:
    """Raises  CorruptDataError for anything that is no whole database of trials; sqlite3.Error."""
    if not path.is_file():
        raise CorruptDataError(f"{path} must be a file, and is none. {REMEDY}")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=LOCKED_SECONDS
    )
    database = Database(connection, str(path))
    try:
        # After a power cut the last seconds may be missing, but no file is torn: those trials' folders are found again.
        database.read("PRAGMA synchronous = NORMAL")
        ((found,),) = database.read("PRAGMA quick_check(1)")
        ((page,),) = database.read("PRAGMA page_size")
        if path.stat().st_size % page:
            found = "its last page is torn"
        tables = {name for (name,) in database.read("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if found != "ok":
            raise CorruptDataError(f"{path} is damaged: {' '.join(found.split())}. {REMEDY}")
        if TABLE not in tables:
            what = "is Optuna's study, of an earlier version of handgrad" if "studies" in tables else "has no trials"
            raise CorruptDataError(f"{path} {what}. {REMEDY}")
    except BaseException:
        connection.close()
        raise
    return database


def _connected(url: str) -> Database:
    try:
        import psycopg
    except ImportError as error:
        raise UsageError(f"--storage postgresql:// needs psycopg: {how_to_install('postgresql')}") from error
    scheme, _, rest = url.partition("://")
    connection = psycopg.connect(f"{scheme.partition('+')[0]}://{rest}", autocommit=True)
    return Database(connection, without_password(url), "%s")


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """While the block runs, what a database raises becomes an error in one line."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            raise CorruptDataError(f"{file_of(url)} is damaged: {error}. {REMEDY}") from error
        raise _unusable(url, error) from error
    except Exception as error:
        if isinstance(error, HandgradError) or not type(error).__module__.startswith("psycopg"):
            raise
        raise _unusable(url, error) from error


def _unusable(url: str, error: Exception) -> FileSystemError:
    reason = " ".join(str(error).split())[:200]
    return FileSystemError(f"cannot use the storage {without_password(url)}: {reason}. Check it (--storage)")


def is_file(url: str) -> bool:
    """Whether a storage is a file of SQLite."""
    return url.startswith("sqlite")


def file_of(url: str) -> Path:
    """The path after sqlite:/// as it stands there, which may hold characters that URLs write otherwise."""
    return Path(url.partition(":///")[2])
