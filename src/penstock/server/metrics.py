"""`/metrics`: the state of this process in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from penstock.interfaces.system_status import ErrorItem, ServiceItem, SlotsItem

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


def exposition(
    *,
    version: str,
    slots: SlotsItem,
    disk: tuple[int, int],
    services: Sequence[ServiceItem],
    errors: Sequence[ErrorItem],
    runs: Mapping[str, int],
    requests: Mapping[str, int],
) -> str:
    """Return the page.

    Args:
        version: of this program.
        slots: what the executor does now.
        disk: bytes free and bytes in all of the disk with the data folder.
        services: background services.
        errors: of this process since it started.
        runs: runs of pipelines and flows by state.
        requests: of programs by user agent, since the process started.
    """
    by_service: dict[str, int] = {}
    for error in errors:
        by_service[error.service or "server"] = by_service.get(error.service or "server", 0) + error.count
    parts = (
        _family("penstock_info", "gauge", "Version of the server.", [({"version": version}, 1)]),
        _family(
            "penstock_tasks", "gauge", "Tasks of this machine.",
            [({"state": "running"}, slots.running), ({"state": "queued"}, slots.queued)],
        ),
        _family("penstock_slots", "gauge", "Tasks that may run at the same time.", [({}, slots.slots)]),
        _family(
            "penstock_runs", "gauge", "Runs that are not in the trash.",
            [({"state": state}, count) for state, count in sorted(runs.items())],
        ),
        _family(
            "penstock_service_up", "gauge", "Whether a background service works.",
            [({"service": service.name}, service.is_running) for service in services],
        ),
        _family(
            "penstock_errors_total", "counter", "Errors that were logged.",
            [({"service": name}, count) for name, count in sorted(by_service.items())],
        ),
        _family(
            "penstock_client_requests_total", "counter", "Requests of programs, by user agent.",
            [({"agent": agent}, count) for agent, count in sorted(requests.items())],
        ),
        _family("penstock_disk_free_bytes", "gauge", "Free room on the disk with the data folder.", [({}, disk[0])]),
        _family("penstock_disk_bytes", "gauge", "Size of that disk.", [({}, disk[1])]),
    )  # fmt: skip
    return "".join(parts)


def _family(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(given)}"' for label, given in labels.items())
        lines.append(f"{name}{f'{{{inner}}}' if inner else ''} {float(value):.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
