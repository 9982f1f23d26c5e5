// Opens what the address behind the hash names. Kubeflow clients print `/#/runs/details/<id>` and the like.

/** `base` with those of the query's values that have a name here. */
function asked(base, query, names) {
  const given = new URLSearchParams();
  for (const [theirs, ours] of Object.entries(names)) {
    if (query.get(theirs)) given.set(ours, query.get(theirs));
  }
  return given.size ? `${base}${base.includes("?") ? "&" : "?"}${given}` : base;
}

const NEW_RUN = { cloneFromRun: "clone", pipelineId: "pipeline", pipelineVersionId: "version", experimentId: "experiment", cloneFromRecurringRun: "edit" };

const ROUTES = [
  [/^\/runs\/details\/([^/]+)/, (query, id) => `/ui/runs/${id}`],
  [/^\/runs\/new/, (query) => asked(query.get("recurring") === "1" ? "/ui/runs/new?kind=recurring" : "/ui/runs/new", query, NEW_RUN)],
  [/^\/runs/, () => "/ui/runs"],
  [/^\/experiments\/details\/([^/]+)/, (query, id) => `/ui/experiments/${id}`],
  [/^\/experiments/, () => "/ui/experiments"],
  [/^\/(?:shared\/)?pipelines\/details\/([^/]+)\/version\/([^/]+)/, (query, id, version) => `/ui/pipelines/${id}?version=${version}`],
  [/^\/(?:shared\/)?pipelines\/details\/([^/]+)/, (query, id) => `/ui/pipelines/${id}`],
  [/^\/(?:shared\/)?pipelines|^\/pipeline_versions/, () => "/ui/pipelines"],
  [/^\/(?:recurringrun|recurringruns)\/details\/([^/]+)/, (query, id) => `/ui/recurring/${id}`],
  [/^\/recurringruns?/, () => "/ui/recurring"],
  [/^\/archive\/experiments/, () => "/ui/experiments?tab=archived"],
  [/^\/archive/, () => "/ui/runs?tab=archived"],
  [/^\/compare/, (query) => asked("/ui/compare", query, { runlist: "runs" })],
  [/^\/executions\/([^/]+)/, (query, id) => `/ui/executions?q=id=${id}`],
  [/^\/executions/, () => "/ui/executions"],
  [/^\/artifacts\/([^/]+)/, (query, id) => `/ui/artifacts/${id}`],
  [/^\/artifacts/, () => "/ui/artifacts"],
];

/** A part of an address, encoded once, whether or not it came encoded. */
function encoded(part) {
  try {
    return encodeURIComponent(decodeURIComponent(part));
  } catch {
    return encodeURIComponent(part);
  }
}

function target() {
  const [path, query] = location.hash.replace(/^#/, "").split(/\?(.*)/s);
  for (const [pattern, build] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return build(new URLSearchParams(query ?? ""), ...match.slice(1).map(encoded));
  }
  return document.querySelector("[data-entry]").dataset.entry;
}

location.replace(target());
window.addEventListener("hashchange", () => location.replace(target()));
