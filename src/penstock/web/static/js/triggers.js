// Forms of event triggers and automations: the fields of the chosen kind; another pipeline reloads them, what was typed being in the address.

for (const form of document.querySelectorAll("[data-trigger-form]")) {
  const kindOf = () => form.elements.event?.value;
  const show = () => {
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kindOf());
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "event") show();
    if (!event.target.matches("[data-reload]")) return;
    const address = new URL(location.href.split("?")[0]);
    for (const [name, value] of new FormData(form)) {
      if (value && !name.includes(":")) address.searchParams.set(name, value);
    }
    location.href = address;
  });
  show();
}
