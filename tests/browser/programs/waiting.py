"""A pipeline for pictures that is still at work when they are taken; not waited for (KF_PIPELINES_ENDPOINT)."""

import kfp
from kfp import dsl


@dsl.component
def collect(region: str) -> int:
    """Counts the meters of a region."""
    import time

    for meters in range(0, 1200, 100):
        print(f"{region}: {meters} meters read", flush=True)
        time.sleep(0.05)
    return 1200


@dsl.component
def follow(meters: int):
    """Reads the meters over and over, for two hours at most."""
    import time

    for minute in range(7200):
        print(f"round {minute}: {meters} meters", flush=True)
        time.sleep(1)


@dsl.component
def settle(meters: int):
    """Adds up what was read."""
    print(meters)


@dsl.pipeline(name="meter-readings", description="Reads the meters of all regions.")
def readings():
    for region in ("north", "south", "west"):
        collected = collect(region=region).set_display_name(f"collect {region}")
        followed = follow(meters=collected.output).set_display_name(f"follow {region}")
        settle(meters=collected.output).set_display_name(f"settle {region}").after(followed)


if __name__ == "__main__":
    kfp.Client().create_run_from_pipeline_func(readings, run_name="meters, today", experiment_name="Meters", arguments={})
