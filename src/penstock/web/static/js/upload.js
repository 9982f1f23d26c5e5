// The upload dialog: shows the chosen file's name, takes dropped files, opens for `#upload`.

for (const drop of document.querySelectorAll("[data-drop]")) {
  const input = drop.querySelector("input[type=file]");
  const label = drop.querySelector("[data-drop-text]");
  const show = () => {
    if (input.files.length) label.textContent = input.files[0].name;
  };
  input.addEventListener("change", show);
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    input.files = event.dataTransfer.files;
    show();
  });
}
if (location.hash === "#upload") document.getElementById("upload")?.showModal();

// A component's card opens when its box in the graph is chosen.
document.addEventListener("penstock:node", (event) => {
  const key = event.detail.split("/").pop();
  const card = document.querySelector(`[data-component="comp-${CSS.escape(key)}"], [data-component="${CSS.escape(key)}"]`);
  if (card) {
    card.open = true;
    card.scrollIntoView({ block: "nearest" });
  }
});
