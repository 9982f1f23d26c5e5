"""Submits a version of the digits pipeline with the unmodified `kfp.Client`; runs in the demonstration's environment.

Called as `python submit.py first|second`, with KF_PIPELINES_ENDPOINT set. Prints `run <id>` as its last line.
"""

import sys

import digits
import kfp


def main(version: str) -> None:
    """Compile and submit `version`."""
    pipeline = {"first": digits.first_version, "second": digits.second_version}[version]
    client = kfp.Client()
    result = client.create_run_from_pipeline_func(
        pipeline, arguments={}, experiment_name="Demonstration", run_name=f"digits, {version} version", enable_caching=True
    )
    print(f"run {result.run_id}")


if __name__ == "__main__":
    main(sys.argv[1])
