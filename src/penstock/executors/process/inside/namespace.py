"""Literal absolute paths for one task: a private mount namespace with its own root.

The new root is a directory of the attempt in which every top-level entry of the host appears by bind mount. Where a wanted target
lies inside such an entry, the entry is taken apart level by level, so that nothing on the host is created or hidden for others. Where
every wanted target exists on the host already (`/tmp`), binds over it are enough and no root is built: half the cost. Works as
root and, by a user namespace, for ordinary users; `namespaces.probe` in the server tells whether the host allows it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_RDONLY, _MS_NOSUID, _MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18


def enter(binds: Sequence[Mapping[str, Any]], new_root: str, libc: Any) -> None:
    """Give this process a root in which each bind's `source` appears at its `target`; later binds lie over earlier ones.

    Args:
        binds: maps with `source`, `target` (both absolute), `read_only` and, for what may be missing, `is_optional`.
        new_root: an existing empty directory; outside of the namespace it only ever holds empty mount points.
        libc: the C library by ctypes.

    Raises:
        OSError: the host refuses.
    """
    _unshare(libc)
    _mount(libc, None, "/", None, _MS_REC | _MS_PRIVATE)
    if _are_in_place(binds):
        for bind in binds:
            _bind(libc, bind, bind["target"])
        return
    targets = [_parts(bind["target"]) for bind in binds]
    _mirror(libc, "/", new_root, [parts for parts in targets if parts])
    for bind in binds:
        target = os.path.join(new_root, *_parts(bind["target"]))
        if bind.get("is_optional"):
            _show(libc, bind["source"], target)
            continue
        _make_mount_point(target, is_directory=os.path.isdir(bind["source"]))
        _bind(libc, bind, target)
    os.chroot(new_root)
    os.chdir("/")


def _show(libc: Any, source: str, target: str) -> None:
    """Bind a directory that is nice to have. Mounts below it are left out: one of them may be the new root itself."""
    try:
        os.makedirs(target, exist_ok=True)
        _mount(libc, source, target, None, _MS_BIND)
    except OSError:  # gone since it was listed, or not for us
        return


def _bind(libc: Any, bind: Mapping[str, Any], target: str) -> None:
    _mount(libc, bind["source"], target, None, _MS_BIND | _MS_REC)
    if bind.get("read_only"):
        _mount(libc, None, target, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | _MS_NOSUID)


def _are_in_place(binds: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the host has a directory at every target, and no bind would cover another's target or anything's source."""
    targets = [bind["target"] for bind in binds]
    if any(os.path.realpath(target) != target or not os.path.isdir(target) for target in targets):
        return False
    places = targets + [os.path.realpath(bind["source"]) for bind in binds]
    covered = sum(place == target or place.startswith(target.rstrip("/") + "/") for target in targets for place in places)
    return covered == len(targets) and all(os.path.isdir(bind["source"]) for bind in binds)


def _parts(path: str) -> list[str]:
    return [part for part in os.path.normpath(path).split("/") if part]


def _mirror(libc: Any, source: str, target: str, inside: list[list[str]]) -> None:
    """Make the entries of `source` appear in the empty directory `target`; those that lead to a wanted target are taken apart."""
    deeper = {parts[0] for parts in inside if len(parts) > 1}
    replaced = {parts[0] for parts in inside if len(parts) == 1}
    try:
        names = sorted(os.listdir(source))
    except OSError:
        names = []
    for name in names:
        here, there = os.path.join(source, name), os.path.join(target, name)
        if name in replaced:
            continue
        if os.path.islink(here):
            os.symlink(os.readlink(here), there)
        elif name in deeper and os.path.isdir(here):
            os.mkdir(there)
            _mirror(libc, here, there, [parts[1:] for parts in inside if parts[0] == name and len(parts) > 1])
        else:
            _make_mount_point(there, is_directory=os.path.isdir(here))
            _mount(libc, here, there, None, _MS_BIND | _MS_REC)


def _make_mount_point(path: str, *, is_directory: bool) -> None:
    if os.path.lexists(path):
        return
    os.makedirs(path if is_directory else os.path.dirname(path), exist_ok=True)
    if not is_directory:
        with open(path, "wb"):
            pass


def _unshare(libc: Any) -> None:
    user, group = os.getuid(), os.getgid()
    flags = _CLONE_NEWNS if user == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    if libc is None or not sys.platform.startswith("linux"):
        raise OSError("namespaces need Linux")
    if libc.unshare(flags) != 0:
        _raise(libc, "unshare")
    if user != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)


def _mount(libc: Any, source: Any, target: str, kind: Any, flags: int, data: str = "") -> None:
    encode = os.fsencode
    result = libc.mount(
        encode(source) if source else None, encode(target), encode(kind) if kind else None, flags, data.encode() if data else None
    )
    if result != 0:
        _raise(libc, f"mount at {target}")


def _raise(libc: Any, what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, f"{what}: {os.strerror(number)}")
