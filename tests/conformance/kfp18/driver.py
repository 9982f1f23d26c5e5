"""Runs every case with the real kfp 1.8 client and writes what came of it as JSON. Usage: driver.py URL OUTPUT [NAME ...]."""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

import kfp  # noqa: E402
import programs  # noqa: E402
import programs_cluster  # noqa: E402, F401
import programs_v2  # noqa: E402, F401


def observe(client, run_id):
    """What the client can read back of a finished run."""
    detail = client.get_run(run_id)
    run = detail.run
    manifest = json.loads(detail.pipeline_runtime.workflow_manifest)
    nodes = list(manifest["status"].get("nodes", {}).values())
    return {
        "run_id": run_id,
        "status": run.status,
        "error": run.error or "",
        "metrics": {metric.name: [metric.number_value, metric.format] for metric in run.metrics or []},
        "workflow": manifest["metadata"]["name"],
        "nodes": [
            {
                "id": node["id"],
                "name": node["displayName"],
                "type": node["type"],
                "phase": node.get("phase"),
                "message": node.get("message", ""),
                "outputs": {item["name"]: item.get("value", "") for item in node.get("outputs", {}).get("parameters", [])},
            }
            for node in nodes
        ],
    }


def main():
    """Submit all, then wait for each."""
    url, output, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    client = kfp.Client(host=url)
    started = {}
    for name, case in programs.CASES.items():
        if names and name not in names:
            continue
        options = {"mode": case.mode} if case.mode else {}
        result = client.create_run_from_pipeline_func(case.function, arguments=case.arguments, **options)
        started[name] = result.run_id
    found = {}
    deadline = time.time() + 240
    for name, run_id in started.items():
        while (client.get_run(run_id).run.status or "").lower() not in ("succeeded", "failed", "skipped", "error"):
            if time.time() > deadline:
                break
            time.sleep(0.2)
        found[name] = observe(client, run_id)
    with open(output, "w") as file:
        json.dump({"found": found, "expect": {name: programs.CASES[name].expect for name in found}}, file)


main()
