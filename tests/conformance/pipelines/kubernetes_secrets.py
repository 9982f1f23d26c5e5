"""Secrets and config maps as variables and files; names from constants, inputs and task outputs; field paths; deadline."""

from kfp import dsl, kubernetes

SDKS = ("2.17.0",)
EXTRA = ("kfp-kubernetes==2.17.0",)
SECRETS = {"login": {"user": "ann", "password": "pw"}}
CONFIG_MAPS = {"settings": {"mode": "fast"}}
EXPECT = {"state": "SUCCEEDED", "outputs": {"show.Output": ["ann pw fast blue  True"]}}


@dsl.component
def name() -> str:
    return "login"


@dsl.component
def show() -> str:
    import os

    env = os.environ
    words = [env["LOGIN_USER"], env["LOGIN_PASSWORD"], env["MODE"], env["COLOR"], env["MISSING"]]
    return f"{' '.join(words)} {env['POD'] == env['KFP_POD_NAME']}"


@dsl.pipeline(name="kubernetes-secrets")
def pipeline(settings: str = "settings"):
    task = show()
    kubernetes.use_secret_as_env(task, secret_name=name().output, secret_key_to_env={"user": "LOGIN_USER"})
    kubernetes.use_secret_as_env(task, secret_name="login", secret_key_to_env={"password": "LOGIN_PASSWORD"})
    kubernetes.use_secret_as_env(task, secret_name="absent", secret_key_to_env={"x": "ABSENT"}, optional=True)
    kubernetes.use_config_map_as_env(task, config_map_name=settings, config_map_key_to_env={"mode": "MODE"})
    kubernetes.add_pod_label(task, "color", "blue")
    kubernetes.use_field_path_as_env(task, env_name="POD", field_path="metadata.name")
    kubernetes.use_field_path_as_env(task, env_name="COLOR", field_path="metadata.labels['color']")
    kubernetes.use_field_path_as_env(task, env_name="MISSING", field_path="metadata.annotations['missing']")
    kubernetes.set_timeout(task, 60)
