"""Requests to the server: pipelines, versions, runs, schedules. Standard library only."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
import uuid
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import quote, urlencode

ABOUT_VARIABLE = "METAFLOW_PENSTOCK_DEPLOYMENT"
"""Variable of the start step's task that holds what `from_deployment` has to know, as JSON."""

_CANCELED_CODE = 1
_API, _OWN_API = "/apis/v2beta1", "/apis/penstock/v1"


class ServerError(Exception):
    """The server could not be reached or refused."""


class Server:
    """A Penstock server."""

    def __init__(self, url: str, key: Optional[str]) -> None:
        """Talk to the server at `url` with an API key, if it wants one."""
        self.url = url.rstrip("/")
        self._key = key

    @classmethod
    def from_environment(cls, service_url: Optional[str], key: Optional[str]) -> "Server":
        """Return the server whose metadata service is configured.

        Raises:
            ServerError: none is.
        """
        url = os.environ.get("METAFLOW_PENSTOCK_URL") or (service_url or "").rstrip("/")
        url = url.removesuffix("/metaflow")
        if not url:
            raise ServerError('no server is configured; run: eval "$(penstock env)"')
        return cls(url, key)

    def deploy(self, name: str, description: str, spec: Dict[str, Any]) -> Dict[str, str]:
        """Store a definition as a new version of pipeline `name`, or as a new pipeline; return the ids."""
        content = json.dumps(spec).encode()
        pipeline = self.pipeline(name)
        if pipeline is None:
            query = urlencode({"name": name, "display_name": name, "description": description[:250]})
            pipeline_id = self._upload("/pipelines/upload?" + query, content)["pipeline_id"]
            versions = self._call("GET", "/pipelines/%s/versions?page_size=1&sort_by=created_at%%20desc" % pipeline_id)
            return {"pipeline_id": pipeline_id, "pipeline_version_id": versions["pipeline_versions"][0]["pipeline_version_id"]}
        version = "%s %s" % (name, uuid.uuid4().hex[:8])
        query = urlencode({"pipelineid": pipeline["pipeline_id"], "name": version, "display_name": version})
        found = self._upload("/pipelines/upload_version?" + query, content)
        return {"pipeline_id": pipeline["pipeline_id"], "pipeline_version_id": found["pipeline_version_id"]}

    def pipeline(self, name: str) -> Optional[Dict[str, Any]]:
        """Return the pipeline, or None."""
        try:
            return dict(self._call("GET", "/pipelines/names/%s" % quote(name, safe="")))
        except _NotFoundError:
            return None

    def deployment(self, name: str) -> Optional[Dict[str, Any]]:
        """Return what is known of the newest version of a deployed flow; None when nothing, or no flow, is deployed as `name`."""
        pipeline = self.pipeline(name)
        return None if pipeline is None else self._about(pipeline["pipeline_id"])

    def deployments(self) -> Iterator[Tuple[str, Dict[str, Any]]]:
        """Yield name of every deployment, and what is known of the flow."""
        for pipeline in self._pages("/pipelines", "pipelines"):
            about = self._about(pipeline["pipeline_id"])
            if about is not None:
                yield str(pipeline.get("name") or pipeline.get("display_name")), about

    def _about(self, pipeline_id: str) -> Optional[Dict[str, Any]]:
        listed = self._call("GET", "/pipelines/%s/versions?page_size=1&sort_by=created_at%%20desc" % pipeline_id)
        for version in listed.get("pipeline_versions") or ():
            spec = version.get("pipeline_spec") or {}
            executors = (spec.get("pipeline_spec") or spec).get("deploymentSpec", {}).get("executors", {})
            for executor in executors.values():
                for item in executor.get("container", {}).get("env") or ():
                    if item.get("name") == ABOUT_VARIABLE:
                        return dict(json.loads(item["value"]))
        return None

    def runs(self, name: str) -> Iterator[Dict[str, Any]]:
        """Yield runs of a deployment, newest first.

        Raises:
            ServerError: nothing was deployed under that name.
        """
        pipeline_id = self._deployed(name)["pipeline_id"]
        for run in self._pages("/runs", "runs", "&sort_by=created_at%20desc"):
            if (run.get("pipeline_version_reference") or {}).get("pipeline_id") == pipeline_id:
                yield run

    def set_enabled(self, name: str, *, is_enabled: bool) -> int:
        """Let schedule and events of a deployment start runs, or not; return how many there are.

        Raises:
            ServerError: nothing was deployed under that name.
        """
        found = self._recurring(name, self._deployed(name)["pipeline_id"])
        for item in found:
            self._call("POST", "/recurringruns/%s:%s" % (item["recurring_run_id"], "enable" if is_enabled else "disable"), {})
        return len(found)

    def _deployed(self, name: str) -> Dict[str, Any]:
        pipeline = self.pipeline(name)
        if pipeline is None:
            raise ServerError("nothing is deployed as %r; run `create` first" % name)
        return pipeline

    def _recurring(self, name: str, pipeline_id: str) -> List[Dict[str, Any]]:
        return [
            item
            for item in self._pages("/recurringruns", "recurringRuns")
            if (item.get("pipeline_version_reference") or {}).get("pipeline_id") == pipeline_id and item.get("display_name") == name
        ]

    def _pages(self, path: str, key: str, more: str = "") -> Iterator[Dict[str, Any]]:
        token = ""
        while True:
            page = self._call("GET", "%s?page_size=100&page_token=%s%s" % (path, quote(token, safe=""), more))
            yield from page.get(key) or ()
            token = page.get("next_page_token") or ""
            if not token:
                return

    def trigger(self, name: str, parameters: Dict[str, Any]) -> str:
        """Start a run of the newest version; return its id.

        Raises:
            ServerError: nothing was deployed under that name.
        """
        body = {
            "display_name": name,
            "pipeline_version_reference": {"pipeline_id": self._deployed(name)["pipeline_id"]},
            "runtime_config": {"parameters": parameters},
        }
        return str(self._call("POST", "/runs", body)["run_id"])

    def terminate(self, run_id: str) -> None:
        """Begin to stop a run."""
        self._call("POST", "/runs/%s:terminate" % quote(run_id), {})

    def pause(self, run_id: str) -> None:
        """Start nothing more of a run; what runs goes on."""
        self._call("POST", "/runs/%s:pause" % quote(run_id), {})

    def unpause(self, run_id: str) -> None:
        """Go on with a paused run."""
        self._call("POST", "/runs/%s:unpause" % quote(run_id), {})

    def run_state(self, run_id: str) -> str:
        """Return the state of a run, in KFP's words; CANCELED for a stopped one, which that API calls failed."""
        run = self._call("GET", "/runs/%s" % quote(run_id))
        is_stopped = run.get("state") == "FAILED" and (run.get("error") or {}).get("code") == _CANCELED_CODE
        return "CANCELED" if is_stopped else str(run.get("state", ""))

    def schedule(self, name: str, pipeline_id: str, cron: Optional[str], triggers: Sequence[Dict[str, Any]] = ()) -> None:
        """Let the newest version run by `cron` and by `triggers` from now on, instead of by what was before."""
        for item in self._recurring(name, pipeline_id):
            self._call("DELETE", "/recurringruns/%s" % item["recurring_run_id"])
        if cron is not None:
            body = {
                "display_name": name,
                "mode": "ENABLE",
                "max_concurrency": "1",
                "no_catchup": True,
                "trigger": {"cron_schedule": {"cron": cron}},
                "pipeline_version_reference": {"pipeline_id": pipeline_id},
                "runtime_config": {"parameters": {}},
            }
            self._call("POST", "/recurringruns", body)
        for trigger in triggers:
            given = {"display_name": name, "pipeline_id": pipeline_id, "max_concurrency": 10, **trigger}
            self._call("POST", "/triggers", given, api=_OWN_API)

    def delete(self, name: str) -> bool:
        """Remove the deployment with its schedule; return whether there was one."""
        pipeline = self.pipeline(name)
        if pipeline is None:
            return False
        self.schedule(name, pipeline["pipeline_id"], None)
        self._call("DELETE", "/pipelines/%s?cascade=true" % pipeline["pipeline_id"])
        return True

    def secret(self, name: str) -> Dict[str, str]:
        """Return the entries of a secret of the server's store.

        Raises:
            ServerError: there is none of that name, an entry is no text, or the key is missing or that of a task.
        """
        try:
            return dict(self._call("GET", "/secrets/%s" % quote(name, safe=""), api="/metaflow"))
        except _NotFoundError:
            message = "the server at %s has no secret %r; on its machine run: penstock secrets set %s KEY=VALUE"
            raise ServerError(message % (self.url, name, name)) from None

    def _call(self, method: str, path: str, body: Any = None, *, api: str = _API) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return self._send(method, path, data, "application/json", api=api)

    def _upload(self, path: str, content: bytes) -> Any:
        border = uuid.uuid4().hex
        head = '--%s\r\nContent-Disposition: form-data; name="uploadfile"; filename="flow.json"\r\n\r\n' % border
        data = head.encode() + content + ("\r\n--%s--\r\n" % border).encode()
        return self._send("POST", path, data, "multipart/form-data; boundary=%s" % border)

    def _send(self, method: str, path: str, data: Optional[bytes], content_type: str, *, api: str = _API) -> Any:
        headers = {"content-type": content_type}
        if self._key:
            headers["x-api-key"] = self._key
        request = urllib.request.Request(self.url + api + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")[:2000]
            if error.code == 404:
                raise _NotFoundError(text) from error
            raise ServerError("%s %s: %s %s" % (method, path, error.code, text)) from error
        except (OSError, ValueError) as error:
            raise ServerError("the server at %s cannot be reached: %s" % (self.url, error)) from error


class _NotFoundError(ServerError):
    pass
