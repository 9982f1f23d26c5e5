// Keeps what stands behind the hash while a reader signs in: the form leads back to the whole address that was asked for. And says so when the
// server is not there, instead of the browser, whose own page would take the place of the form.

const target = document.querySelector("[data-sign-in] [name=next]");
if (target && location.hash.length > 1) target.value = target.value.split("#")[0] + location.hash;

for (const form of document.querySelectorAll("form[data-lost]")) {
  const problem = document.createElement("p");
  problem.className = "banner bad";
  problem.setAttribute("role", "alert");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.remove();
    const isThere = await fetch("/healthz").then(() => true, () => false);
    if (isThere) {
      form.submit();
      return;
    }
    problem.textContent = form.dataset.lost;
    form.querySelector("button").closest("div").before(problem);
  });
}
