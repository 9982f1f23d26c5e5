"""Platform fields from optional inputs that are null: the entries are skipped. Scheduling wishes become warnings."""

from typing import Optional

from kfp import dsl, kubernetes

SDKS = ("2.17.0",)
EXTRA = ("kfp-kubernetes==2.17.0",)
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["False False"]}}


@dsl.component
def show() -> str:
    import os

    return f"{'TOKEN' in os.environ} {'MODE' in os.environ}"


@dsl.pipeline(name="kubernetes-nulls")
def pipeline(secret: Optional[str] = None, config: Optional[str] = None, selector: Optional[dict] = None):
    task = show()
    kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env={"x": "TOKEN"}, optional=True)
    kubernetes.use_config_map_as_env(task, config_map_name=config, config_map_key_to_env={"x": "MODE"}, optional=True)
    kubernetes.add_node_selector_json(task, selector)
    kubernetes.add_toleration(task, key="gpu", operator="Exists", effect="NoSchedule")
