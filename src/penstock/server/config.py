"""Settings of the server: one frozen dataclass, filled from flags, the environment, a TOML file and defaults, in this order.

A field named `<room>_<name>` is read from `PENSTOCK_<ROOM>_<NAME>` and from `name` in section `[room]` of `<data>/penstock.toml`.
The data folder itself comes from `--data-dir`, else `PENSTOCK_HOME`, else `~/.penstock`. docs/configuration.md lists every field;
a test compares the two. Nothing outside this module reads the environment for a setting.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, get_type_hints

from penstock.domain.errors import InvalidArgumentError
from penstock.domain.retention import RETAINED
from penstock.tracking.accounts import RESERVED_ENTITIES

DEFAULT_PORT = 8080
CONFIG_FILE = "penstock.toml"
DEFAULT_FLOWS_PREFIX = "flows"
"""Where the pages of flows are; another prefix leads to them."""
_PREFIX = re.compile(r"[a-z0-9][a-z0-9-]*")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_NEGATIVE = frozenset({"executor_accelerators"})
"""Numbers that may be below 0."""
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Each field's help text is its documentation and appears in docs/configuration.md."""

    data_dir: Path
    """Absolute path of the data folder; not read from the file in it."""

    server_host: str = _setting("127.0.0.1", "Address to listen on. Anything but loopback demands a key on every request.")
    server_port: int = _setting(DEFAULT_PORT, "Port to listen on; 0 takes a free one.")
    server_url: str = _setting("", "Address that clients and links use, when it is not the one listened on (a proxy in front).")
    server_allowed_hosts: tuple[str, ...] = _setting((), "Further host names that requests may be addressed to.")
    server_log_level: str = _setting("warning", "Level of the server's own log: debug, info, warning, error.")
    server_user: str = _setting("", "Name of the user and default entity that runs belong to; empty: the account's login name.")
    server_time_zone: str = _setting("UTC", "Time zone in which cron expressions are read, an IANA name.")

    store_database_url: str = _setting("", "`postgresql://...`, or empty for SQLite in the data folder.")
    store_synchronous: str = _setting("FULL", "SQLite's synchronous pragma: FULL survives power loss, NORMAL only crashes of the process.")

    store_collect_seconds: float = _setting(3600.0, "Time between removals of bytes that nothing refers to any more; 0: never.")
    store_run_folder_days: float = _setting(0.0, "Days after a run's end at which its logs and files go; 0: they stay with the run.")

    store_trash_days: float = _setting(7.0, "Days in which what is deleted on the pages can be restored; 0: it is removed at once.")

    store_retention_days: float = _setting(0.0, "Days after which things go to the trash by themselves (/ui/system/retention); 0: never.")
    store_retention_keep: int = _setting(10, "So many of each pipeline, project and collection stay, however old they are.")
    store_retention_kinds: tuple[str, ...] = _setting(("run",), "What goes when it is old: run, tracked_run, version.")

    store_backup_dir: str = _setting("", "Folder that takes backups; empty: `backups` in the data folder, which does not survive its disk.")

    executor_slots: int = _setting(0, "Tasks that run at the same time; 0: four per CPU.")
    executor_cpus: float = _setting(0.0, "Cores that tasks may ask for together; 0: those of the machine.")
    executor_memory_bytes: int = _setting(0, "Memory that tasks may ask for together; 0: that of the machine.")
    executor_accelerators: int = _setting(-1, "Accelerators that tasks may ask for together; -1: those found on the machine.")
    executor_interpreters: tuple[str, ...] = _setting((), "Paths of Pythons that tasks may use, beside the server's own and PATH's.")
    executor_strict_python: bool = _setting(False, "Fail a task whose image asks for a Python that is absent, instead of using another.")
    executor_index_urls: tuple[str, ...] = _setting((), "Package indexes for task environments, the main one first.")
    executor_find_links: tuple[str, ...] = _setting((), "Folders or pages with wheels for task environments.")
    executor_constraints: str = _setting("", "File of constraints that every task environment obeys.")
    executor_offline: bool = _setting(False, "Build task environments without the network.")
    executor_environment: tuple[str, ...] = _setting(
        (), "Variables that every task gets, each `NAME=VALUE`: proxies, certificates. What a pipeline sets itself goes before them."
    )
    executor_grace_seconds: float = _setting(10.0, "Time between SIGTERM and SIGKILL for a task that is stopped.")
    executor_separate_stderr: bool = _setting(
        True, "Tell stderr of commands apart in logs, both streams in order of arrival; else they are one, in exact order."
    )
    executor_leave_running: bool = _setting(True, "On a clean stop, let running tasks go on for the next server to take up; else end them.")

    cache_enabled: bool = _setting(True, "Reuse results of equal tasks.")
    cache_expiry_seconds: float = _setting(0.0, "Age after which a result is not reused; 0: never.")

    tracking_webhook_hosts: tuple[str, ...] = _setting(
        (), "Hosts that automations may post webhooks to, `*` for any; this machine may be posted to while only it reaches the server."
    )

    flows_run_silence_seconds: float = _setting(
        360.0, "Seconds without a heartbeat after which a recorded flow run has failed. Clients send one every 10 seconds."
    )
    flows_task_silence_seconds: float = _setting(
        60.0, "The same for a task of a recorded flow, and for a run one of whose tasks failed while none is running."
    )

    flows_local_roots: tuple[str, ...] = _setting(
        (), "Folders with Metaflow's local datastores that flow pages may read, beside `.metaflow` folders on a server bound to loopback."
    )

    flows_prefix: str = _setting(
        DEFAULT_FLOWS_PREFIX,
        "First part of the addresses of flows that clients print; others than `flows` lead to the pages below `/flows`.",
    )

    pipelines_terminated_state: str = _setting(
        "FAILED", "State that a terminated run reports: FAILED (kfp clients wait for it) or CANCELED (those up to 2.17 wait for ever)."
    )

    @property
    def database_url(self) -> str:
        """URL for `stores.sql.database.open_database`."""
        return self.store_database_url or f"sqlite:///{self.data_dir / 'penstock.db'}"

    @property
    def reserved_entities(self) -> frozenset[str]:
        """Names that no entity can have, since the server uses these addresses itself."""
        return RESERVED_ENTITIES | {self.flows_prefix}

    @property
    def task_variables(self) -> dict[str, str]:
        """`executor_environment` taken apart; a piece without `=` belongs to the value before it, as in `no_proxy=a,b`."""
        variables: dict[str, str] = {}
        last = ""
        for piece in self.executor_environment:
            name, equals, value = piece.partition("=")
            if equals:
                last = name.strip()
                variables[last] = value
            elif last:
                variables[last] += f",{piece}"
        return variables

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback_host(self.server_host)

    @property
    def slots(self) -> int:
        """How many tasks may run at once, the default worked out."""
        return self.executor_slots or 4 * (os.cpu_count() or 1)


@lru_cache(maxsize=1024)
def is_loopback_host(host: str) -> bool:
    """Whether `host` (a name or address, without port) means this machine only."""
    bare = host.strip("[]").lower()
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare == "localhost" or bare.endswith(".localhost")


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Return `$PENSTOCK_HOME`, else `~/.penstock`, absolute."""
    home = environ.get("PENSTOCK_HOME", "")
    return Path(home).expanduser().absolute() if home else Path.home() / ".penstock"


def setting_names() -> dict[str, dataclasses.Field[Any]]:
    """Return every field that may be set by environment and file, by name."""
    return {entry.name: entry for entry in dataclasses.fields(Settings) if entry.name != "data_dir"}


def environment_name(name: str) -> str:
    """Return the environment variable of setting `name`."""
    return f"PENSTOCK_{name.upper()}"


def load_settings(*, data_dir: Path | None = None, environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """Collect the settings; a flag that is None counts as not given.

    Raises:
        InvalidArgumentError: a value does not fit its field, or the file or a variable sets something unknown; the message names where.
    """
    environ = os.environ if environ is None else environ
    folder = (data_dir.expanduser().absolute() if data_dir else default_data_dir(environ)).resolve()
    values: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    values.update(_from_file(folder / CONFIG_FILE, hints))
    _refuse_unknown(environ)
    for name in setting_names():
        variable = environment_name(name)
        if variable in environ:
            values[name] = _convert(environ[variable], hints[name], where=variable)
    values.update({name: value for name, value in flags.items() if value is not None})
    settings = Settings(data_dir=folder, **values)
    _validate(settings)
    return settings


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse variables that look like settings and are none: a misspelt one would be passed over without a word."""
    known = {environment_name(name) for name in setting_names()}
    rooms = tuple({f"PENSTOCK_{name.partition('_')[0].upper()}_" for name in setting_names()})
    for variable in sorted(environ):
        if variable.startswith(rooms) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            advice = f"did you mean {near[0]}?" if near else "see docs/configuration.md"
            raise InvalidArgumentError(f"{variable} is no setting; {advice}")


def _from_file(path: Path, hints: Mapping[str, Any]) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise InvalidArgumentError(f"the data folder {path.parent} is a file; choose another with --data-dir or PENSTOCK_HOME") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{path} cannot be read: {error}") from error
    values: dict[str, Any] = {}
    names = setting_names()
    for section, entries in document.items():
        if not isinstance(entries, dict):
            raise InvalidArgumentError(f"{path}: {section!r} stands outside a section")
        for key, value in entries.items():
            name = f"{section}_{key}"
            if name not in names:
                raise InvalidArgumentError(f"{path}: no setting {key!r} in section [{section}]")
            values[name] = _convert(value, hints[name], where=f"{path}: [{section}] {key}")
    return values


def _convert(value: Any, wanted: Any, *, where: str) -> Any:
    """Turn text or a TOML value into the field's type."""
    try:
        if wanted is bool:
            return value if isinstance(value, bool) else _to_bool(str(value))
        if wanted == tuple[str, ...]:
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(text for part in parts if (text := str(part).strip()))
        return _to_number(value, wanted) if wanted in {int, float} else wanted(value if isinstance(value, str) else repr(value))
    except (TypeError, ValueError) as error:
        raise InvalidArgumentError(f"{where}: {error}") from error


def _to_number(value: Any, wanted: type[int | float]) -> int | float:
    try:
        return wanted(value if isinstance(value, str) else repr(value))
    except ValueError as error:
        raise ValueError(f"{value!r} is no {'whole number' if wanted is int else 'number'}") from error


def _to_bool(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _validate(settings: Settings) -> None:
    if not 0 <= settings.server_port <= 65535:
        raise InvalidArgumentError(f"port {settings.server_port} is not between 0 and 65535")
    for name in setting_names():
        value = getattr(settings, name)
        if isinstance(value, int | float) and name not in _NEGATIVE and not value >= 0:
            raise InvalidArgumentError(f"{name} must not be below 0, and is {value}")
    if settings.server_log_level.lower() not in _LOG_LEVELS:
        raise InvalidArgumentError(f"server_log_level: {settings.server_log_level!r} is none of {', '.join(_LOG_LEVELS)}")
    if unknown := set(settings.store_retention_kinds) - {kind.value for kind in RETAINED}:
        raise InvalidArgumentError(f"store_retention_kinds: {', '.join(sorted(unknown))} is not known; run, tracked_run and version are")
    if settings.pipelines_terminated_state not in {"FAILED", "CANCELED"}:
        raise InvalidArgumentError("pipelines_terminated_state must be FAILED or CANCELED")
    if settings.executor_environment and not re.match(r"\s*[A-Za-z_]\w*\s*=", settings.executor_environment[0]):
        raise InvalidArgumentError("executor_environment must hold NAME=VALUE")
    _validate_flows_prefix(settings.flows_prefix)
    if settings.store_synchronous not in {"FULL", "NORMAL", "OFF"}:
        raise InvalidArgumentError("store_synchronous must be FULL, NORMAL or OFF")


def _validate_flows_prefix(prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise InvalidArgumentError(f"flows_prefix: {prefix!r} is no part of an address of small letters, digits and '-'")
    if prefix != DEFAULT_FLOWS_PREFIX and prefix in RESERVED_ENTITIES:
        raise InvalidArgumentError(f"flows_prefix: {prefix!r} is reserved: the server itself uses the address /{prefix}")
