"""`BackupStore` in folders: a consistent copy of a data folder, made beside the running server.

Files come first, then the database by SQLite's own backup, which sees one moment and stops nobody; then files once more, those that are new
or have grown. So whatever the copied database refers to is there: contents are stored before they are referred to, and what was removed
between the two looks is in the copy already. Contents never change and are linked where the file system can; of the other files those are
linked that are as they were in the backup before. A backup appears by rename when it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from penstock.domain.backups import Backup
from penstock.domain.errors import NotFoundError, PenstockError, PreconditionError, UnavailableError
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import open_database
from penstock.stores.sql.housekeeping import SqlLiveBlobs

_DATABASE = "penstock.db"
_FACTS = "backup.json"
_LEFT_OUT = frozenset({"penstock.db", "penstock.db-wal", "penstock.db-shm", "server.lock", "server.json", "envs", "demo-client", "backups"})
"""Of the data folder: the database has a way of its own, the rest is made anew by a server."""
_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(?:-\d+)?")
_MOST_PROBLEMS = 20


class FolderBackups:
    """Backups of the folder `data`, each a folder below `target`."""

    def __init__(self, data: Path, target: Path, *, has_database: bool, version: str, now: Callable[[], float] = time.time) -> None:
        """Look at the folders only when asked to.

        Args:
            data: the data folder.
            target: where backups lie; made when missing.
            has_database: the database is the SQLite file in the folder.
            version: of this program.
            now: wall clock.
        """
        self._data = data
        self._target = target
        self.can_make = has_database
        self._version = version
        self._now = now

    def list(self) -> Sequence[Backup]:
        """See `BackupStore.list`."""
        if not self._target.is_dir():
            return []
        found = [_read(path) for path in self._target.iterdir() if _NAME.fullmatch(path.name)]
        return sorted((one for one in found if one is not None), key=lambda one: (one.created_at, one.name), reverse=True)

    def make(self) -> Backup:
        """See `BackupStore.make`."""
        if not self.can_make:
            raise PreconditionError("The database of this server is PostgreSQL: back it up with pg_dump, and copy the data folder.")
        began = self._now()
        try:
            self._target.mkdir(parents=True, exist_ok=True, mode=0o700)
            before = next(iter(self.list()), None)
            draft = Path(tempfile.mkdtemp(prefix=".part-", dir=self._target))
            try:
                return self._fill(draft, began, None if before is None else Path(before.path))
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        except (OSError, sqlite3.Error) as error:
            raise UnavailableError(f"the backup could not be made: {error}") from error

    def _fill(self, draft: Path, began: float, before: Path | None) -> Backup:
        copying = _Copying(self._data, draft, before, left_out=self._target)
        copying.look()
        _copy_database(self._data / _DATABASE, draft / _DATABASE)
        copying.look()
        size, count = _measure(draft)
        name = self._free_name(began)
        backup = Backup(
            name,
            str(self._target / name),
            began,
            max(0.0, self._now() - began),
            self._version,
            count,
            size,
            copying.copied_bytes + (draft / _DATABASE).stat().st_size,
        )
        _write(draft, backup)
        os.sync()
        draft.chmod(0o700)
        draft.rename(self._target / name)
        return backup

    def _free_name(self, at: float) -> str:
        name = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime(at))
        number = 1
        free = name
        while (self._target / free).exists():
            number += 1
            free = f"{name}-{number}"
        return free

    def check(self, name: str) -> Backup:
        """See `BackupStore.check`."""
        path = self._target / name
        backup = _read(path) if _NAME.fullmatch(name) else None
        if backup is None:
            raise NotFoundError(f"There is no backup {name}.")
        runs, problems = _try(path)
        checked = replace(backup, checked_at=self._now(), problems=problems[:_MOST_PROBLEMS], runs=runs)
        _write(path, checked)
        return checked

    def remove_old(self, *, keep: int) -> Sequence[str]:
        """See `BackupStore.remove_old`."""
        old = list(self.list())[max(1, keep) :]
        for backup in old:
            shutil.rmtree(backup.path, ignore_errors=True)
        return [backup.name for backup in old]


@dataclass(slots=True)
class _Copying:
    """The files of one backup, looked at as often as one likes: what is there already and has not changed is left alone."""

    data: Path
    draft: Path
    before: Path | None
    left_out: Path
    copied_bytes: int = 0

    def look(self) -> None:
        for source, inside in self._files(self.data, Path()):
            # What vanishes meanwhile was removed by its owner.
            with contextlib.suppress(FileNotFoundError):
                self._take(source, inside)

    def _files(self, folder: Path, inside: Path) -> Iterator[tuple[Path, Path]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        for entry in entries:
            path, place = Path(entry.path), inside / entry.name
            if (inside == Path() and entry.name in _LEFT_OUT) or path == self.left_out or place == Path("blobs/incoming"):
                continue
            if entry.is_dir(follow_symlinks=False):
                (self.draft / place).mkdir(exist_ok=True)
                yield from self._files(path, place)
            elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                yield path, place

    def _take(self, source: Path, inside: Path) -> None:
        target = self.draft / inside
        facts = source.lstat()
        if stat.S_ISLNK(facts.st_mode):
            if not target.is_symlink():
                target.symlink_to(source.readlink())
            return
        if _is_same(target, facts) or (inside.parts[0] == "blobs" and _link(source, target)):
            return
        if self.before is not None and _is_same(self.before / inside, facts) and _link(self.before / inside, target):
            return
        target.unlink(missing_ok=True)
        shutil.copy2(source, target)
        self.copied_bytes += facts.st_size


def _is_same(path: Path, facts: os.stat_result) -> bool:
    try:
        known = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(known.st_mode) and (known.st_size, known.st_mtime_ns) == (facts.st_size, facts.st_mtime_ns)


def _link(source: Path, target: Path) -> bool:
    """Give `source` a second name; False where the file system cannot."""
    try:
        target.unlink(missing_ok=True)
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


def _copy_database(source: Path, target: Path) -> None:
    """Copy what is committed in `source` at one moment; nobody waits for it."""
    with contextlib.closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=30.0)) as reading:
        target.touch(mode=0o600)
        with contextlib.closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)


def _try(path: Path) -> tuple[int | None, list[str]]:
    """Open a copy of the backup's database as a server would; return its number of runs and what is wrong."""
    with tempfile.TemporaryDirectory(prefix=".trial-", dir=path.parent) as folder:
        trial = Path(folder) / _DATABASE
        try:
            _copy_database(path / _DATABASE, trial)
            with contextlib.closing(sqlite3.connect(trial)) as connection:
                said = [row[0] for row in connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})")]
            if said != ["ok"]:
                return None, [f"database: {text}" for text in said]
            database = open_database(f"sqlite:///{trial}", synchronous="OFF")
        except (OSError, sqlite3.Error, PenstockError) as error:
            return None, [f"the database cannot be opened: {error}"]
        try:
            counted = "SELECT (SELECT COUNT(*) FROM run) + (SELECT COUNT(*) FROM tracked_run) AS n"
            row = database.read_sync(lambda tx: tx.one(counted))
            blobs = LocalBlobStore(path / "blobs")
            missing = sorted(digest for digest in SqlLiveBlobs(database).live() if not blobs.has(digest))
        finally:
            database.close()
    return None if row is None else int(row["n"]), [f"content {digest} is missing" for digest in missing]


def _measure(folder: Path) -> tuple[int, int]:
    size = count = 0
    for root, _, names in os.walk(folder):
        for name in names:
            size += os.lstat(Path(root) / name).st_size
            count += 1
    return size, count


def _write(folder: Path, backup: Backup) -> None:
    draft = folder / f"{_FACTS}.new"
    draft.write_text(json.dumps(asdict(backup), indent=1) + "\n", encoding="utf-8")
    draft.replace(folder / _FACTS)


def _read(folder: Path) -> Backup | None:
    try:
        known = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        return Backup(**known | {"path": str(folder), "name": folder.name})
    except (OSError, ValueError, TypeError):
        return None
