// Opens what the address behind the hash names. Kubeflow clients print `/#/runs/details/<id>` and the like.

const ROUTES = [
  [/^\/runs\/details\/([^/]+)/, (id) => `/ui/runs/${id}`],
  [/^\/runs\/new/, () => "/ui/runs/new"],
  [/^\/runs/, () => "/ui/runs"],
  [/^\/experiments\/details\/([^/]+)/, (id) => `/ui/experiments/${id}`],
  [/^\/experiments/, () => "/ui/experiments"],
  [/^\/pipelines\/details\/([^/]+)\/version\/([^/]+)/, (id, version) => `/ui/pipelines/${id}?version=${version}`],
  [/^\/pipelines\/details\/([^/]+)/, (id) => `/ui/pipelines/${id}`],
  [/^\/pipelines/, () => "/ui/pipelines"],
  [/^\/(?:recurringrun|recurringruns)\/details\/([^/]+)/, (id) => `/ui/recurring/${id}`],
  [/^\/recurringruns?/, () => "/ui/recurring"],
  [/^\/archive/, () => "/ui/runs?tab=archived"],
  [/^\/compare/, () => "/ui/compare"],
  [/^\/executions\/([^/]+)/, (id) => `/ui/executions?q=${id}`],
  [/^\/executions/, () => "/ui/executions"],
  [/^\/artifacts\/([^/]+)/, (id) => `/ui/artifacts/${id}`],
  [/^\/artifacts/, () => "/ui/artifacts"],
];

function target() {
  const path = location.hash.replace(/^#/, "").split("?")[0];
  for (const [pattern, build] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return build(...match.slice(1).map((part) => encodeURIComponent(decodeURIComponent(part))));
  }
  return document.querySelector("[data-entry]").dataset.entry;
}

location.replace(target());
window.addEventListener("hashchange", () => location.replace(target()));
