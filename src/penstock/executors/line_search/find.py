"""Stand-alone program: looks for an expression in lines from standard input and writes their numbers as JSON.

Runs isolated, standard library only. The first line of the input is JSON: `expression`, `most` (hits of each text), `sizes` (bytes of
the texts that follow without a gap) and `seconds` of processor time, a limit that this program sets itself before it begins.
"""

from __future__ import annotations

import json
import re
import resource
import sys


def _numbers(pattern: re.Pattern[bytes], text: bytes, most: int) -> list[int]:
    found: list[int] = []
    for number, line in enumerate(text.split(b"\n")):
        if pattern.search(line):
            found.append(number)
            if len(found) >= most:
                break
    return found


def main() -> None:
    """Read, look, write."""
    source = sys.stdin.buffer
    asked = json.loads(source.readline())
    resource.setrlimit(resource.RLIMIT_CPU, (asked["seconds"], asked["seconds"]))
    try:
        pattern = re.compile(asked["expression"].encode(), re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as error:
        sys.stdout.write(json.dumps({"error": str(error)}))
        return
    sys.stdout.write(json.dumps([_numbers(pattern, source.read(size), asked["most"]) for size in asked["sizes"]]))


if __name__ == "__main__":
    main()
