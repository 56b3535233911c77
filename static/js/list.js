// A list with a selection: counts it, says the number in the buttons, keeps it while rows come and go.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.batch");
  const filters = document.querySelector("form.filters");

  // Filters stand in the address, so that it can be kept, shared and loaded again.
  document.addEventListener("htmx:after:swap", (event) => {
    if (!filters || event.target !== filters) return;
    const query = new URLSearchParams(new FormData(filters));
    for (const [name, value] of [...query]) if (!value) query.delete(name);
    history.replaceState(null, "", `${location.pathname}${query.size ? "?" : ""}${query}`);
  });
  if (!form) return;

  const bar = form.querySelector(".batch-bar");
  const all = form.elements.all;
  const said = bar.querySelector("[data-selected]");
  const number = new Intl.NumberFormat("en");
  // A box that stands for several says how many: data-pick.
  const boxes = () => [...form.querySelectorAll("input[data-pick]:not(:disabled)")];

  const update = () => {
    const shown = boxes();
    if (all.value) for (const box of shown) box.checked = true;
    const picked = shown.filter((box) => box.checked);
    const sum = picked.reduce((before, box) => before + Number(box.dataset.pick), 0);
    const text = all.value ? all.dataset.said : number.format(sum);
    const some = Boolean(all.value) || picked.length > 0;
    bar.classList.toggle("open", some);
    said.textContent = `${text} selected`;
    for (const button of bar.querySelectorAll("[data-text]")) {
      const words = button.dataset.text.replace("{n}", text);
      if (button.textContent !== words) button.textContent = words;
    }
    const head = form.querySelector("[data-page]");
    if (head) {
      head.checked = shown.length > 0 && picked.length === shown.length;
      head.indeterminate = picked.length > 0 && !head.checked;
    }
  };
  const none = () => {
    all.value = "";
    for (const box of form.querySelectorAll("input[data-pick]")) {
      box.checked = false;
      box.indeterminate = false;
    }
    form.dispatchEvent(new Event("cleared"));
    update();
  };

  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-page]")) for (const box of boxes()) box.checked = event.target.checked;
    if (event.target.matches("[data-pick], [data-page]") && !event.target.checked) all.value = "";
    update();
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-all]");
    if (button) {
      all.value = "1";
      all.dataset.said = button.dataset.all;
      update();
    }
    if (event.target.closest("[data-none]")) none();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && bar.classList.contains("open") && !document.querySelector("dialog[open]")) none();
  });
  document.addEventListener("htmx:after:swap", update);
  // A page that comes back from the browser's memory keeps its boxes.
  window.addEventListener("pageshow", update);
  update();
});
