"""Fills a database with runs in every state, as the engine would have left them, so that pages can be shown without running anything.

Times lie around `NOW`. Logs go to the data folder, documents to the blob store. The definition comes from `digits_pipeline.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from penstock.domain.ids import RunId, TaskPath, task_id_for
from penstock.domain.triggers import EventKind, EventTrigger
from penstock.stores.blobs.local import LocalBlobStore
from penstock.stores.sql.database import Database, Transaction

RATES = [0.01, 0.03, 0.1, 0.3, 1.0]
SPEC = "sha256:" + hashlib.sha256(b"digits").hexdigest()
OLD_SPEC = "sha256:" + hashlib.sha256(b"digits, first version").hexdigest()
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


def insert(tx: Transaction, table: str, **row: Any) -> None:
    """Insert one row; mappings and lists become JSON."""
    values = {name: json.dumps(value, separators=(",", ":")) if isinstance(value, dict | list) else value for name, value in row.items()}
    tx.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})", values)


@dataclass
class Seeder:
    """Writes rows of one database."""

    tx: Transaction
    data: Path
    blobs: LocalBlobStore
    now: float
    next_id: int = 1000
    runs: dict[str, str] = field(default_factory=dict)
    """Label -> run id."""

    def number(self) -> int:
        """A fresh integer id."""
        self.next_id += 1
        return self.next_id

    def task(
        self, run_id: str, path: str, *, parent: str | None, position: int, state: str, start: float, seconds: float, **extra: Any
    ) -> str:
        """Insert a task; returns its id."""
        key = path.rpartition("/")[2].partition("[")[0]
        task_id = task_id_for(RunId(run_id), TaskPath(path))
        has_started = state in {"RUNNING", "SUCCEEDED", "FAILED", "CANCELED"} and not extra.get("is_cached")
        is_done = state in {"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"}
        queued = extra.pop("queued", 0.4)
        row: dict[str, Any] = {
            "task_id": task_id,
            "run_id": run_id,
            "execution_id": self.number(),
            "parent_task_id": parent,
            "path": path,
            "task_key": key,
            "display_name": key,
            "type": "RUNTIME",
            "component": f"comp-{key}",
            "position": position,
            "state": state,
            "created_at": start - queued,
            "started_at": start if has_started or extra.get("is_cached") else None,
            "finished_at": start + seconds if is_done else None,
            "attempts": 1 if has_started and extra.get("type", "RUNTIME") == "RUNTIME" else 0,
            "worker": "workbench" if has_started else "",
            "code_digest": hashlib.sha256(f"code of {key}".encode()).hexdigest(),
        }
        insert(self.tx, "task", **(row | extra))
        if has_started and row.get("type", "RUNTIME") == extra.get("type", "RUNTIME") == "RUNTIME":
            self.attempt(run_id, task_id, state, start, seconds, extra)
        return task_id

    def attempt(self, run_id: str, task_id: str, state: str, start: float, seconds: float, extra: Mapping[str, Any]) -> None:
        """Insert attempt, notes and log of a task that ran."""
        detail = {
            "pid": 4242,
            "python": "3.11.2 (/usr/bin/python3.11)",
            "python_asked": "3.11",
            "image": "python:3.11",
            "environment_id": "env-5f2c90d1",
            "mode": "warm",
            "host": "workbench",
            "packages": ["scikit-learn==1.5.2", "numpy==2.1.3", "scipy==1.14.1"],
            "env": {"KFP_RUN_ID": run_id, "API_TOKEN": "*** from secret training/token"},
            "mounts": [],
            "resources": {"cpu_request": 1.0, "memory_limit_bytes": 2 * 1024**3},
            "usage": {
                "queued_seconds": 0.4,
                "environment_seconds": 0.8,
                "run_seconds": seconds * 0.8,
                "upload_seconds": 0.2,
                "max_rss_bytes": 187_000_000,
            },
            "warnings": list(extra.get("warnings", [])),
        }
        finished = None if state == "RUNNING" else start + seconds
        exit_code = {"SUCCEEDED": 0, "FAILED": 1}.get(state)
        insert(
            self.tx, "attempt", task_id=task_id, attempt=0, run_id=run_id, state=state, created_at=start - 0.4, started_at=start,
            finished_at=finished, exit_code=exit_code, error=extra.get("error"), detail=detail,
        )  # fmt: skip
        notes = [
            ("queued", "Queued behind 3 tasks."),
            ("environment", "Environment env-5f2c90d1 reused (3 packages)."),
            ("started", "Process 4242 started in the warm parent."),
        ]
        if state == "FAILED":
            notes.append(("failed", "Exit code 1 after a ValueError."))
        elif state == "SUCCEEDED":
            notes.append(("finished", "Finished; 2 outputs stored (1.3 MiB)."))
        for seq, (kind, text) in enumerate(notes):
            insert(self.tx, "task_note", task_id=task_id, run_id=run_id, seq=seq, attempt=0, at=start + seq * 0.3, kind=kind, text=text)
        folder = self.data / "runs" / run_id / task_id / "0"
        folder.mkdir(parents=True, exist_ok=True)
        text = log_text(state).encode()
        (folder / "log").write_bytes(text)
        begin, end = text.index(b"WARNING"), text.rindex(HOSTILE.encode())
        (folder / "log.stderr").write_bytes(struct.pack("<QQQQ", 0, text.index(b"\n") + 1, begin, end))
        if state == "FAILED":  # the first line and the last ones were seen at known times
            (folder / "log.times").write_bytes(struct.pack("<QQQQQQ", 1, round(start * 1000), begin, 0, len(text), round(start * 1000) + 61_000))

            moments = (round((start + second) * 1000) for second in range(5))
            uses = zip(moments, (0, 900, 1400, 1600, 2400), (80 << 20, 900 << 20, 1 << 30, 700 << 20, 300 << 20), strict=True)
            (folder / "usage").write_bytes(b"".join(struct.pack("<QQQ", *use) for use in uses))

    def artifact(
        self,
        run_id: str,
        task_id: str,
        key: str,
        type_: str,
        at: float,
        *,
        metadata: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> int:
        """Insert an artifact that a task put out; returns its id."""
        artifact_id = self.number()
        stored = self.blobs.put_bytes(data) if data is not None else None
        insert(
            self.tx, "artifact", artifact_id=artifact_id, run_id=run_id, task_id=task_id, name=key, output_key=key, type=type_,
            uri=f"minio://mlpipeline/v2/artifacts/digits-training/{run_id}/{task_id[:8]}/{key}", digest=stored.digest if stored else None,
            size_bytes=stored.size_bytes if stored else None, metadata=dict(metadata or {}), created_at=at,
        )  # fmt: skip
        self.use(run_id, task_id, artifact_id, "output", key, at)
        return artifact_id

    def use(self, run_id: str, task_id: str, artifact_id: int, direction: str, key: str, at: float) -> None:
        """Insert a lineage edge."""
        insert(
            self.tx,
            "artifact_use",
            task_id=task_id,
            run_id=run_id,
            artifact_id=artifact_id,
            direction=direction,
            key=key,
            position=0,
            at=at,
        )


def log_text(state: str) -> str:
    """A log with colours, progress, levels and, for failures, a traceback."""
    lines = ["\x1b[1mstarting\x1b[0m with python 3.11", "reading data ...", "rows: 1797, features: 64"]
    lines += [
        f"epoch {epoch:2d}  loss {1.9 * math.exp(-epoch / 9):.4f}  \x1b[32macc {1 - 0.6 * math.exp(-epoch / 6):.4f}\x1b[0m"
        for epoch in range(1, 41)
    ]
    lines.append("\r".join(f"saving {percent:3d}%" for percent in range(0, 101, 10)))
    lines.append("WARNING: the solver did not converge within 40 iterations")
    if state == "FAILED":
        lines += [
            "Traceback (most recent call last):",
            '  File "/work/component.py", line 31, in train_model',
            "    model.fit(x, y)",
            "ValueError: Input X contains NaN. LogisticRegression does not accept missing values.",
        ]
    lines.append(HOSTILE)
    return "\n".join(lines) + "\n"


def confusion(rng: random.Random) -> dict[str, Any]:
    """A plausible confusion matrix of ten digits."""
    rows = []
    for digit in range(10):
        row = [rng.choice((0, 0, 0, 1, 2)) for _ in range(10)]
        row[digit] = rng.randint(28, 36)
        rows.append({"row": row})
    return {"annotationSpecs": [{"displayName": str(digit)} for digit in range(10)], "rows": rows}


def roc(quality: float) -> list[dict[str, Any]]:
    """A ROC curve; the first threshold is infinite as scikit-learn gives it."""
    points: list[dict[str, Any]] = [{"confidenceThreshold": "Infinity", "recall": 0.0, "falsePositiveRate": 0.0}]
    points += [{"confidenceThreshold": 1 - x / 20, "recall": (x / 20) ** quality, "falsePositiveRate": x / 20} for x in range(1, 21)]
    return points


def digits_run(
    seeder: Seeder, label: str, *, name: str, start: float, outcome: str, cached: bool = False, accuracy: float = 0.97, **extra: Any
) -> str:
    """One run of the digits pipeline; `outcome` is SUCCEEDED, FAILED, RUNNING, PENDING or CANCELED."""
    tx = seeder.tx
    rng = random.Random(label)
    run_id = extra.pop("run_id", None) or hashlib.md5(label.encode()).hexdigest()
    run_id = f"{run_id[:8]}-{run_id[8:12]}-4{run_id[13:16]}-8{run_id[17:20]}-{run_id[20:32]}"
    seeder.runs[label] = run_id
    group = {"FAILED": "FAILED", "CANCELED": "CANCELED"}.get(outcome, outcome)
    is_over = outcome in {"SUCCEEDED", "FAILED", "CANCELED"}
    seconds = 94.0 + rng.random() * 30
    root = seeder.task(
        run_id, "root", parent=None, position=0, state=group, start=start, seconds=seconds, type="ROOT", component="digits-training"
    )
    body = seeder.task(
        run_id, "root/exit-handler-1", parent=root, position=1, state=group, start=start, seconds=seconds - 3, type="EXIT_HANDLER"
    )
    leaf = "PENDING" if outcome == "PENDING" else "SUCCEEDED"
    why = (
        {
            "is_cached": 1,
            "cache_reason": "Reused from an earlier run: same code, parameters and inputs.",
            "cached_task_id": task_id_for(RunId(seeder.runs.get("good", run_id)), TaskPath("root/exit-handler-1/load-digits")),
        }
        if cached
        else {"cache_reason": "first run of this component"}
    )
    load = seeder.task(
        run_id, "root/exit-handler-1/load-digits", parent=body, position=2, state=leaf, start=start + 1, seconds=0.02 if cached else 6.2,
        inputs={"parameters": {"rows": 1797}, "artifacts": {}, "producers": {}}, reason="waiting for a free slot" if outcome == "PENDING" else "",
        cache_fingerprint=hashlib.sha256(b"load").hexdigest(), **why,
    )  # fmt: skip
    done, failed, hits = 0, 0, 2 if cached else 0
    metrics: dict[str, tuple[float, str]] = {}
    if outcome != "PENDING":
        raw = seeder.artifact(
            run_id, load, "dataset", "system.Dataset", start + 7, metadata={"rows": 1797}, data=f"dataset {label}".encode() * 4000
        )
        split = seeder.task(
            run_id, "root/exit-handler-1/preprocess", parent=body, position=3, state="SUCCEEDED", start=start + 8, seconds=0.03 if cached else 4.1,
            inputs={"parameters": {"test_share": 0.2}, "artifacts": {"dataset": [raw]}, "producers": {"dataset": {"task": "load-digits", "key": "dataset"}}}, **why,
        )  # fmt: skip
        seeder.use(run_id, split, raw, "input", "dataset", start + 8)
        train = seeder.artifact(run_id, split, "train", "system.Dataset", start + 12, data=f"train {label}".encode() * 3000)
        test = seeder.artifact(run_id, split, "test", "system.Dataset", start + 12, data=b"test" * 900)
        loop_state = {"FAILED": "FAILED", "RUNNING": "RUNNING", "CANCELED": "CANCELED"}.get(outcome, "SUCCEEDED")
        loop = seeder.task(
            run_id,
            "root/exit-handler-1/for-loop-2",
            parent=body,
            position=4,
            state=loop_state,
            start=start + 13,
            seconds=60,
            type="LOOP",
            iteration_count=len(RATES),
        )
        done = 2
        for index, rate in enumerate(RATES):
            state = "SUCCEEDED"
            if index == 3 and outcome in {"FAILED", "RUNNING", "CANCELED"}:
                state = outcome
            if index == 4 and outcome in {"RUNNING", "CANCELED", "FAILED"}:
                state = {"RUNNING": "PENDING", "CANCELED": "CANCELED", "FAILED": "SKIPPED"}[outcome]
            round_id = seeder.task(
                run_id, f"root/exit-handler-1/for-loop-2[{index}]", parent=loop, position=5 + index, state=state, start=start + 13 + index, seconds=50, type="ITERATION",
                iteration_index=index, display_name=f"for-loop-2 [{index}]", inputs={"parameters": {"pipelinechannel--rates-loop-item": rate}, "artifacts": {}, "producers": {}},
            )  # fmt: skip
            error = (
                {
                    "error": {
                        "kind": "EXIT_CODE",
                        "message": "ValueError: Input X contains NaN. LogisticRegression does not accept missing values.",
                        "exit_code": 1,
                    }
                }
                if state == "FAILED"
                else {}
            )
            reason = {
                "PENDING": "waiting for a free slot: 8 of 8 are in use",
                "SKIPPED": "not started: train-model failed in iteration 3",
            }.get(state, "")
            task = seeder.task(
                run_id, f"root/exit-handler-1/for-loop-2[{index}]/train-model", parent=round_id, position=20 + index, state=state, start=start + 14 + index * 2, seconds=22 + 4 * index,
                queued=1 + 2 * index, reason=reason, iteration_index=index,
                inputs={"parameters": {"learning_rate": rate}, "artifacts": {"train": [train]}, "producers": {}}, outputs={"parameters": {"Output": accuracy - index / 100}} if state == "SUCCEEDED" else {}, **error,
            )  # fmt: skip
            seeder.use(run_id, task, train, "input", "train", start + 14)
            done += state in {"SUCCEEDED", "FAILED"}
            failed += state == "FAILED"
            if state == "SUCCEEDED":
                seeder.artifact(
                    run_id,
                    task,
                    "model",
                    "system.Model",
                    start + 40,
                    metadata={"framework": "scikit-learn"},
                    data=f"model {label} {index}".encode() * 700,
                )
                seeder.artifact(
                    run_id,
                    task,
                    "metrics",
                    "system.Metrics",
                    start + 40,
                    metadata={"accuracy": accuracy - index / 100, "loss": 0.1 + index / 50},
                )
        evaluated = {"SUCCEEDED": "SUCCEEDED", "RUNNING": "PENDING", "FAILED": "SKIPPED", "CANCELED": "CANCELED"}[outcome]
        judge = seeder.task(
            run_id, "root/exit-handler-1/evaluate", parent=body, position=30, state=evaluated, start=start + 66, seconds=9.4,
            reason="waiting for for-loop-2" if evaluated == "PENDING" else "", inputs={} if evaluated == "PENDING" else {"parameters": {"accuracies": [accuracy - i / 100 for i in range(5)]}, "artifacts": {"test": [test]}, "producers": {"accuracies": {"task": "for-loop-2", "key": "Output"}}},
            outputs={"parameters": {"accuracy": accuracy, "index": 0}} if evaluated == "SUCCEEDED" else {},
        )  # fmt: skip
        if evaluated == "SUCCEEDED":
            seeder.use(run_id, judge, test, "input", "test", start + 66)
            seeder.artifact(
                run_id,
                judge,
                "metrics",
                "system.Metrics",
                start + 75,
                metadata={"accuracy": accuracy, "loss": 1 - accuracy, "framework": "scikit-learn", "best_rate": 0.1},
            )
            seeder.artifact(
                run_id,
                judge,
                "classes",
                "system.ClassificationMetrics",
                start + 75,
                metadata={"confusionMatrix": confusion(rng), "confidenceMetrics": roc(0.12 + (1 - accuracy) * 3)},
            )
            seeder.artifact(
                run_id,
                judge,
                "report",
                "system.HTML",
                start + 75,
                data=b"<style>body{font:15px system-ui;padding:1rem}</style><h2>Report</h2><p id=t>static</p><script>document.getElementById('t').textContent='script ran in its box';try{parent.hacked=1}catch(e){}try{localStorage.x=1}catch(e){}</script>",
            )
            seeder.artifact(
                run_id,
                judge,
                "notes",
                "system.Markdown",
                start + 75,
                data=b"# Notes\n\nThe best rate was **0.1**.\n\n| rate | accuracy |\n|---|---|\n| 0.1 | 0.97 |\n\n<script>parent.hacked=1</script>\n",
            )
            metrics = {"accuracy": (accuracy, "PERCENTAGE"), "loss": (1 - accuracy, "RAW")}
            for metric, (number, form) in metrics.items():
                insert(tx, "run_metric", run_id=run_id, task_id=judge, name=metric, number=number, text=None, format=form)
            insert(tx, "run_metric", run_id=run_id, task_id=judge, name="framework", number=None, text="scikit-learn", format="RAW")
            branches = seeder.task(
                run_id,
                "root/exit-handler-1/condition-branches-3",
                parent=body,
                position=31,
                state="SUCCEEDED",
                start=start + 76,
                seconds=3,
                type="CONDITION_BRANCH",
            )
            is_good = accuracy >= 0.95
            for key, inner, wins in (("condition-4", "promote", is_good), ("condition-5", "keep-old", not is_good)):
                state = "SUCCEEDED" if wins else "SKIPPED"
                branch = seeder.task(
                    run_id,
                    f"root/exit-handler-1/condition-branches-3/{key}",
                    parent=branches,
                    position=32,
                    state=state,
                    start=start + 76,
                    seconds=3,
                    type="CONDITION",
                    reason="" if wins else "condition was false",
                )
                seeder.task(
                    run_id,
                    f"root/exit-handler-1/condition-branches-3/{key}/{inner}",
                    parent=branch,
                    position=34,
                    state=state,
                    start=start + 77,
                    seconds=1.1,
                    reason="" if wins else "its condition was false",
                    inputs={"parameters": {"accuracy": accuracy}},
                    outputs={"parameters": {"Output": f"promoted at {accuracy}"}} if wins else {},
                )
            done += 3
    if is_over:
        seeder.task(
            run_id,
            "root/tidy-up",
            parent=root,
            position=40,
            state="SUCCEEDED",
            start=start + seconds - 2,
            seconds=0.8,
            inputs={"parameters": {"run_name": name}},
        )
        done += 1
    error = {"code": 9, "message": "1 of 9 tasks failed: train-model (iteration 3)"} if outcome == "FAILED" else None
    if outcome == "CANCELED":
        error = {"code": 1, "message": "terminated by user"}
    parameters = {"rows": 1797, "threshold": 0.95, "rates": RATES}
    row: dict[str, Any] = {
        "run_id": run_id, "kind": "kfp", "name": name, "experiment_id": "exp-default", "resource_name": f"digits-training-{label}"[:60], "pipeline_name": "digits-training",
        "pipeline_id": "pipe-digits", "pipeline_version_id": "ver-2", "spec_digest": SPEC, "parameters": parameters, "pipeline_root": "", "state": outcome,
        "state_history": [{"at": start - 1, "state": "PENDING"}, {"at": start, "state": "RUNNING"}], "error": error, "created_at": start - 1, "scheduled_at": start - 1,
        "started_at": None if outcome == "PENDING" else start, "finished_at": start + seconds if is_over else None, "task_count": done if is_over else 11, "done_count": done, "failed_count": failed,
        "cached_count": hits, "version": 1,
    }  # fmt: skip
    insert(tx, "run", **(row | extra))
    for parameter, value in parameters.items():
        insert(
            tx,
            "run_parameter",
            run_id=run_id,
            name=parameter,
            number=value if isinstance(value, float | int) else None,
            text=None if isinstance(value, float | int) else str(value),
        )
    return run_id


def first_version(spec_yaml: str) -> str:
    """The definition as it was before: without `tidy-up`, with a task that went since, and other code in `preprocess`."""
    spec = yaml.safe_load(spec_yaml)
    del spec["root"]["dag"]["tasks"]["tidy-up"]
    inner = spec["components"]["comp-exit-handler-1"]["dag"]["tasks"]
    inner["check-rows"] = {**inner["load-digits"], "taskInfo": {"name": "check-rows"}}
    words = spec["deploymentSpec"]["executors"]["exec-preprocess"]["container"]["command"]
    words[-1] = words[-1].replace("def preprocess(", "# the first way\ndef preprocess(")
    return yaml.safe_dump(spec)


def retried(seeder: Seeder, label: str) -> None:
    """Make a failed run one that was retried once, with other packages, and failed again."""
    run_id = seeder.runs[label]
    task_id = task_id_for(RunId(run_id), TaskPath("root/exit-handler-1/for-loop-2[3]/train-model"))
    run = seeder.tx.one("SELECT started_at, finished_at FROM run WHERE run_id = :run", {"run": run_id})
    first = seeder.tx.one("SELECT * FROM attempt WHERE task_id = :task", {"task": task_id})
    assert run is not None
    assert first is not None
    again = run["finished_at"] + 600
    detail = json.loads(first["detail"]) | {"packages": ["scikit-learn==1.5.2", "numpy==2.2.0", "threadpoolctl==3.5.0"]}
    insert(
        seeder.tx, "attempt", task_id=task_id, attempt=1, run_id=run_id, state="FAILED", created_at=again, started_at=again + 1,
        finished_at=again + 30, exit_code=1, error=json.loads(first["error"]), detail=detail,
    )  # fmt: skip
    folder = seeder.data / "runs" / run_id / task_id / "1"
    folder.mkdir(parents=True)
    (folder / "log").write_text("second attempt\n" + log_text("FAILED"))
    moments = (
        (run["started_at"] - 1, "PENDING"), (run["started_at"], "RUNNING"), (run["finished_at"], "FAILED"), (again, "RUNNING"),
        (again + 31, "FAILED"),
    )  # fmt: skip
    history = json.dumps([{"at": at, "state": state} for at, state in moments])
    seeder.tx.execute(
        "UPDATE run SET state_history = :history, finished_at = :at WHERE run_id = :run", {"history": history, "at": again + 31, "run": run_id}
    )
    seeder.tx.execute("UPDATE task SET attempts = 2 WHERE task_id = :task", {"task": task_id})


def triggers(seeder: Seeder) -> None:
    """Event triggers of every kind, with what became of their events."""
    now, good = seeder.now, seeder.runs["good"]
    events: dict[str, dict[str, Any]] = {
        "run_finished": {"pipeline": "digits-training"},
        "artifact": {"collection": f"me/digits/{HOSTILE.replace('/', '')}", "alias": "production"},
        "metric": {"metric": "accuracy", "comparison": ">=", "threshold": 0.97},
        "webhook": {"token_digest": "0" * 64},
        "file": {"path": "/data/incoming"},
    }
    for kind, fields in events.items():
        insert(
            seeder.tx,
            "recurring_run",
            recurring_run_id=f"rec-{kind.replace('_', '-')}",
            display_name=f"digits on {kind.replace('_', ' ')}",
            experiment_id="exp-default",
            pipeline_id="pipe-digits",
            runtime_config={"parameters": {"rows": "[[Event.payload.rows]]" if kind == "webhook" else 1797}},
            max_concurrency=1,
            trigger_spec={"event": asdict(EventTrigger(EventKind(kind), **fields))},
            event_kind=kind,
            is_enabled=1,
            created_at=now - 86400,
            updated_at=now - 3600,
            enabled_at=now - 86400,
        )
    facts = {"kind": "run_finished", "run_id": good, "name": HOSTILE, "pipeline": "digits-training", "state": "SUCCEEDED"}
    rows: tuple[tuple[str, str, dict[str, Any], str | None, str], ...] = (
        ("rec-run-finished", "run", facts, "fired", ""),
        ("rec-run-finished", "run", facts, "skipped", "a run that this trigger started led to it; it may stand once in a chain"),
        ("rec-run-finished", "run", {}, None, ""),
        ("rec-webhook", "webhook", {"kind": "webhook", "payload": {"rows": HOSTILE}}, "error", HOSTILE),
        ("rec-metric", "metric", facts | {"kind": "metric", "metric": "accuracy", "value": 0.97}, "fired", ""),
    )
    for number, (identity, source, content, outcome, reason) in enumerate(rows):
        insert(
            seeder.tx,
            "trigger_event",
            recurring_run_id=identity,
            subject=f"seeded {number}",
            source=source,
            source_id=good,
            at=now - 600 * (9 - number),
            facts=content,
            outcome=outcome,
            reason=reason,
            run_id=good if outcome == "fired" else None,
            decided_at=now,
        )
    insert(seeder.tx, "recurring_change", recurring_run_id="rec-nightly", at=now - 9000, user_name="ann", changes=[["description", "", HOSTILE]])
    insert(
        seeder.tx, "backfill", backfill_id="back-1", recurring_run_id="rec-nightly", from_at=now - 864000, until_at=now - 86400, is_again=0,
        max_concurrency=2, state="RUNNING", created_at=now - 500,
    )  # fmt: skip
    for number in range(9):
        insert(seeder.tx, "backfill_time", backfill_id="back-1", planned_at=now - 86400 * (number + 1), outcome="fired" if number > 4 else None)


def seed(database: Database, data: Path, blobs: LocalBlobStore, *, now: float, spec_yaml: str) -> dict[str, str]:
    """Fill an empty database; returns run ids by label (`good`, `cached`, `failed`, `running`, `pending`, `canceled`, `hostile`, ...)."""

    def work(tx: Transaction) -> dict[str, str]:
        seeder = Seeder(tx, data, blobs, now)
        content = {"pipeline_spec": yaml.safe_load(spec_yaml)}
        older = first_version(spec_yaml)
        insert(
            tx, "spec", digest=OLD_SPEC, kind="kfp", name="digits-training", content={"pipeline_spec": yaml.safe_load(older)}, source=older,
            created_at=now - 86400 * 10,
        )  # fmt: skip
        insert(tx, "spec", digest=SPEC, kind="kfp", name="digits-training", content=content, source=spec_yaml, created_at=now - 86400 * 9)
        tx.execute("DELETE FROM experiment")
        for identity, name, text in (
            ("exp-default", "Default", "All runs created without an experiment."),
            ("exp-rates", "learning-rates", "Which rate is best for the digits."),
            ("exp-hostile", HOSTILE, HOSTILE),
        ):
            insert(
                tx,
                "experiment",
                experiment_id=identity,
                name=name,
                description=text,
                created_at=now - 86400 * 8,
                last_run_created_at=now - 3600,
            )
        insert(
            tx,
            "pipeline",
            pipeline_id="pipe-digits",
            name="digits-training",
            display_name="digits-training",
            description="Trains digit classifiers over several learning rates and promotes the best one.",
            created_at=now - 86400 * 9,
            tags={"team": "vision", "demo": ""},
        )
        insert(
            tx,
            "pipeline",
            pipeline_id="pipe-add",
            name="addition-pipeline",
            display_name="addition-pipeline",
            description="An example pipeline that performs addition calculations.",
            created_at=now - 86400 * 7,
        )
        for number in (1, 2):
            insert(
                tx,
                "pipeline_version",
                pipeline_version_id=f"ver-{number}",
                pipeline_id="pipe-digits",
                name=f"v{number}",
                display_name=f"v{number}",
                spec_digest=OLD_SPEC if number == 1 else SPEC,
                created_at=now - 86400 * (9 - 3 * number),
            )
        insert(
            tx,
            "pipeline_version",
            pipeline_version_id="ver-add",
            pipeline_id="pipe-add",
            name="first",
            display_name="first",
            spec_digest=SPEC,
            created_at=now - 86400 * 7,
        )
        for identity, name, trigger, enabled in (
            ("rec-nightly", "nightly digits", {"cron": "0 0 3 * * *"}, 1),
            ("rec-hourly", "hourly check", {"interval_seconds": 3600}, 0),
        ):
            insert(
                tx,
                "recurring_run",
                recurring_run_id=identity,
                display_name=name,
                experiment_id="exp-default",
                pipeline_id="pipe-digits",
                runtime_config={"parameters": {"rows": 1797}},
                max_concurrency=1,
                trigger_spec=trigger,
                is_enabled=enabled,
                status="ENABLED" if enabled else "DISABLED",
                created_at=now - 86400 * 6,
                updated_at=now - 86400 * 2,
                enabled_at=now - 86400 * 6,
                last_trigger_at=now - 7 * 3600,
                trigger_index=6,
            )
        digits_run(seeder, "good", name="digits baseline", start=now - 86400 * 2, outcome="SUCCEEDED", accuracy=0.962)
        for day in range(6):
            run_id = digits_run(
                seeder,
                f"night-{day}",
                name=f"nightly digits-{day + 1}",
                start=now - 86400 * (6 - day) + 3600,
                outcome="FAILED" if day == 3 else "SUCCEEDED",
                accuracy=0.93 + day / 100,
                recurring_run_id="rec-nightly",
                **({"pipeline_version_id": "ver-1", "spec_digest": OLD_SPEC} if day == 0 else {}),
            )
            insert(
                tx,
                "recurring_tick",
                recurring_run_id="rec-nightly",
                planned_at=now - 86400 * (6 - day),
                decided_at=now - 86400 * (6 - day) + 0.2,
                outcome="fired",
                run_id=run_id,
            )
        insert(
            tx,
            "recurring_tick",
            recurring_run_id="rec-nightly",
            planned_at=now - 40000,
            decided_at=now - 39999,
            outcome="skipped",
            reason="the run before it was still going (at most 1 at a time)",
        )
        digits_run(
            seeder,
            "cached",
            name="digits, lower threshold",
            start=now - 3600 * 5,
            outcome="SUCCEEDED",
            cached=True,
            accuracy=0.971,
            experiment_id="exp-rates",
        )
        digits_run(seeder, "failed", name="digits with gaps in the data", start=now - 3600 * 3, outcome="FAILED", experiment_id="exp-rates")
        digits_run(seeder, "canceled", name="digits, stopped early", start=now - 3600 * 2, outcome="CANCELED")
        digits_run(
            seeder,
            "hostile",
            name=HOSTILE,
            description=HOSTILE,
            start=now - 1800,
            outcome="SUCCEEDED",
            accuracy=0.9,
            tags={HOSTILE: HOSTILE},
            experiment_id="exp-hostile",
        )
        digits_run(seeder, "archived", name="digits, first try", start=now - 86400 * 7, outcome="SUCCEEDED", storage_state="ARCHIVED")
        digits_run(seeder, "running", name="digits, finer rates", start=now - 41, outcome="RUNNING", experiment_id="exp-rates")
        digits_run(seeder, "pending", name="digits, queued", start=now - 4, outcome="PENDING")
        retried(seeder, "night-3")
        triggers(seeder)
        return seeder.runs

    return database.write_sync(work)
