// Lists: filters in the address, live parts in the order they were asked for, a selection that outlives the rows' changes.
document.addEventListener("DOMContentLoaded", () => {
  const filters = document.querySelector("form.filters");
  const form = document.querySelector("form.batch");

  // What a live part asked for before the filters changed is old when it arrives.
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.request.method === "GET") ctx.asked = ctx.sourceElement.getAttribute("hx-get");
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const { asked, sourceElement } = event.detail.ctx;
    if (asked && (!sourceElement.isConnected || sourceElement.getAttribute("hx-get") !== asked)) event.preventDefault();
  });

  // Filters stand in the address, so that it can be kept, shared and loaded again; what is wrong in one does not.
  const clearing = filters?.querySelector("[data-clear]");
  const offerClearing = () => {
    if (clearing) clearing.hidden = ![...filters.elements].some((field) => field.name && field.type !== "hidden" && field.value);
  };
  offerClearing();
  document.addEventListener("htmx:after:swap", (event) => {
    if (!filters || event.target !== filters) return;
    offerClearing();
    if (event.detail.ctx.response.status >= 400) return;
    const address = new URL(event.detail.ctx.request.action, location.href);
    for (const [name, value] of [...address.searchParams]) if (!value) address.searchParams.delete(name);
    history.replaceState(null, "", address);
    if (form?.elements.all.value) none();
  });
  if (!form) return;

  const bar = form.querySelector(".batch-bar");
  const all = form.elements.all;
  const said = bar.querySelector("[data-selected]");
  const number = new Intl.NumberFormat("en");
  // A box that stands for several says how many: data-pick.
  const boxes = () => [...form.querySelectorAll("input[data-pick]")];
  const say = (place, text) => {
    if (place.textContent !== text) place.textContent = text;
  };

  const update = () => {
    // How many match comes after the page and changes with it; without it there is nothing that all could mean.
    const matching = form.querySelector("[data-all]")?.dataset.all;
    if (!matching) all.value = "";
    const shown = boxes().filter((box) => !box.disabled);
    for (const box of boxes()) box.checked = !box.disabled && (box.checked || Boolean(all.value));
    const picked = shown.filter((box) => box.checked);
    const sum = picked.reduce((before, box) => before + Number(box.dataset.pick), 0);
    const text = all.value ? matching : number.format(sum);
    bar.classList.toggle("open", picked.length > 0 || Boolean(all.value));
    say(said, `${text} selected`);
    for (const button of bar.querySelectorAll("[data-text]")) say(button, button.dataset.text.replace("{n}", text));
    const head = form.querySelector("[data-page]");
    if (!head) return;
    head.checked = shown.length > 0 && picked.length === shown.length;
    head.indeterminate = picked.length > 0 && !head.checked;
  };
  const none = () => {
    all.value = "";
    for (const box of boxes()) {
      box.checked = false;
      box.indeterminate = false;
    }
    form.dispatchEvent(new Event("cleared"));
    update();
  };

  form.addEventListener("change", ({ target }) => {
    if (target.matches("[data-page]")) for (const box of boxes()) box.checked = target.checked;
    if (target.matches("[data-pick], [data-page]") && !target.checked) all.value = "";
    update();
  });
  form.addEventListener("click", ({ target }) => {
    if (target.closest("[data-all]")) {
      all.value = "1";
      update();
    }
    if (target.closest("[data-none]")) none();
  });
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Escape" || !bar.classList.contains("open")) return;
    const typing = target.matches("input:not([type=checkbox]), select, textarea");
    if (!typing && !document.querySelector("dialog[open], :popover-open")) none();
  });
  document.addEventListener("htmx:after:swap", update);
  // A page that comes back from the browser's memory keeps its boxes.
  window.addEventListener("pageshow", update);
  update();
});
