"""Which shell stands for the `sh` of an image.

Small images have BusyBox's shell, and programs written for them use what it adds to POSIX, above all `[[ ... ]]`. The `sh` of this
machine may not know it; bash does, where it is installed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_SMALL_IMAGE = re.compile(r"(?:^|/)(?:alpine|busybox|bash)(?:[:@]|$)|alpine[^/]*$")
_SHELLS = frozenset({"sh", "/bin/sh"})
_PREFERRED = 'if command -v bash >/dev/null; then exec bash --posix "$@"; fi; exec sh "$@"'


def with_shell_of(image: str, argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command with its `sh` replaced where the image's own understands more than POSIX asks for; else unchanged."""
    if argv and argv[0] in _SHELLS and _SMALL_IMAGE.search(image):
        return ("sh", "-c", _PREFERRED, *argv)
    return tuple(argv)
