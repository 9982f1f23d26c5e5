"""Requests to the server: pipelines, versions, runs, schedules. Standard library only."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
import uuid
from typing import Any, Dict, Optional, Sequence
from urllib.parse import quote, urlencode

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

    def trigger(self, name: str, parameters: Dict[str, Any]) -> str:
        """Start a run of the newest version; return its id.

        Raises:
            ServerError: nothing was deployed under that name.
        """
        pipeline = self.pipeline(name)
        if pipeline is None:
            raise ServerError("nothing is deployed as %r; run `create` first" % name)
        body = {
            "display_name": name,
            "pipeline_version_reference": {"pipeline_id": pipeline["pipeline_id"]},
            "runtime_config": {"parameters": parameters},
        }
        return str(self._call("POST", "/runs", body)["run_id"])

    def terminate(self, run_id: str) -> None:
        """Begin to stop a run."""
        self._call("POST", "/runs/%s:terminate" % quote(run_id), {})

    def run_state(self, run_id: str) -> str:
        """Return the state of a run, in KFP's words."""
        return str(self._call("GET", "/runs/%s" % quote(run_id)).get("state", ""))

    def schedule(self, name: str, pipeline_id: str, cron: Optional[str], triggers: Sequence[Dict[str, Any]] = ()) -> None:
        """Let the newest version run by `cron` and by `triggers` from now on, instead of by what was before."""
        listed = self._call("GET", "/recurringruns?page_size=200").get("recurringRuns") or []
        for item in listed:
            if (item.get("pipeline_version_reference") or {}).get("pipeline_id") == pipeline_id and item.get("display_name") == name:
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
