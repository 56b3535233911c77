// Lists: filters in the address, live parts in the order they were asked for, a selection that outlives rows, filters and pages.
document.addEventListener("DOMContentLoaded", () => {
  const filters = document.querySelector("form.filters");
  const form = document.querySelector("form.batch");

  // What a part asked for before the filters changed is old when it arrives.
  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.request.method === "GET") ctx.asked = ctx.sourceElement.getAttribute("hx-get");
  });
  document.addEventListener("htmx:before:swap", (event) => {
    const { asked, sourceElement } = event.detail.ctx;
    if (asked && (!sourceElement.isConnected || sourceElement.getAttribute("hx-get") !== asked)) event.preventDefault();
  });

  // Filters stand in the address, so that it can be kept, shared and loaded again; what is wrong in one does not.
  const clearing = filters?.querySelector("[data-clear]");
  const used = document.querySelector("[data-used]");
  const offerClearing = () => {
    if (!clearing) return;
    const filled = [...filters.elements].filter((field) => field.name && field.value);
    const number = filled.filter((field) => field.name !== "sort" && field.name !== "lane").length;
    clearing.hidden = !filled.some((field) => field.type !== "hidden");
    used.textContent = number ? `(${number})` : "";
  };
  offerClearing();
  document.addEventListener("htmx:after:swap", (event) => {
    if (!filters || event.target !== filters) return;
    offerClearing();
    if (event.detail.ctx.response.status >= 400) return;
    const address = new URL(event.detail.ctx.request.action, location.href);
    for (const [name, value] of [...address.searchParams]) if (!value) address.searchParams.delete(name);
    history.replaceState(null, "", address);
    document.body.dispatchEvent(new Event("poll")); // the numbers beside the list, under these filters
  });
  if (!form) return;

  const bar = form.querySelector(".batch-bar");
  const whole = document.querySelector("#send-all"); // what is sent without a selection
  const picks = new Picks(form, form.dataset.kind);
  const boxes = () => [...form.querySelectorAll("input[data-pick]")];
  const changed = form.querySelector("[data-changed]");
  const rowOf = (box) => box.closest("tr");

  let seen = new Set();
  const update = () => {
    // What a run has taken meanwhile cannot be sent any more.
    for (const box of boxes()) if (box.disabled) picks.delete(box.value);
    for (const box of boxes()) box.checked = picks.has(box.value);
    const shown = boxes().filter((box) => !box.disabled);
    const picked = shown.filter((box) => box.checked);
    seen = new Set(picked.map((box) => box.value));
    const away = picks.size - picked.length;
    const busy = picks.waiting > 0;
    bar.classList.toggle("open", picks.size > 0 || busy);
    whole?.classList.toggle("set-aside", picks.size > 0);
    const text = grouped.format(picks.size);
    say(bar.querySelector("[data-selected]"), busy ? "Selecting" : `${text} selected${away ? `, ${grouped.format(away)} not on this page` : ""}`);
    for (const button of bar.querySelectorAll("[data-text]")) {
      button.disabled = busy;
      say(button, button.dataset.text.replace("{n}", text));
    }
    const head = form.querySelector("[data-page]");
    if (!head) return;
    head.checked = shown.length > 0 && picked.length === shown.length;
    head.indeterminate = picked.length > 0 && !head.checked;
  };
  const keep = () => {
    picks.keep();
    update();
  };
  const none = () => {
    picks.clear();
    update();
  };

  const address = (query) => `${location.pathname}${query}`;
  const numbers = () => document.querySelector("#numbers"); // asks for the counts under the filters of the list that it stands in
  const filtersIn = (query) => {
    const asked = [...new URLSearchParams(query)].filter(([name, value]) => value && !["part", "upto", "after"].includes(name));
    return JSON.stringify(asked.sort());
  };
  // What was counted is not what is shown any more: nothing is selected, and it is counted anew.
  const countAnew = () => {
    changed.hidden = false;
    numbers()?.dispatchEvent(new Event("recount"));
    document.body.dispatchEvent(new Event("poll"));
  };
  // All that match, as far as they were counted on this page: what came since then was not shown.
  const all = async ({ dataset }) => {
    changed.hidden = true;
    if (numbers() && filtersIn(dataset.all) !== filtersIn(new URL(numbers().getAttribute("hx-get"), location).search)) return countAnew();
    const asking = picks.ask(address(dataset.all));
    update();
    const ids = ((await asking) ?? "").split(",").filter(Boolean);
    if (ids.length > Number(dataset.number || Infinity)) countAnew();
    else for (const id of ids) picks.add(id);
    keep();
  };
  // What was selected and is not in the list any more may have been sent or taken out by somebody else.
  const MANY = 100;
  const check = async (ids) => {
    if (!ids.length || !form.dataset.still) return;
    const asked = ids.slice(0, MANY);
    const text = await picks.ask(address(`${form.dataset.still}&id=${asked.join()}`), false);
    if (text === null) return;
    const still = new Set(text.split(","));
    for (const id of asked) if (!still.has(id)) picks.delete(id);
    keep();
  };

  const ranges = new Ranges(form, () => boxes().filter((box) => !box.disabled).map(rowOf));
  form.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-pick], [data-page]")) return;
    const rows = target.matches("[data-page]") ? boxes().map(rowOf) : ranges.upTo(rowOf(target));
    for (const row of rows) {
      const { value, disabled } = row.querySelector("[data-pick]");
      if (target.checked && !disabled) picks.add(value);
      else picks.delete(value);
    }
    keep();
  });
  form.addEventListener("click", ({ target }) => {
    const everything = target.closest("[data-all]");
    if (everything) all(everything);
    if (target.closest("[data-none]")) none();
  });
  document.addEventListener("keydown", ({ key, target }) => {
    if (key !== "Escape" || !bar.classList.contains("open")) return;
    const typing = target.matches("input:not([type=checkbox]), select, textarea");
    if (!typing && !document.querySelector("dialog[open], :popover-open")) none();
  });
  // What is sent is the selection: filters may hide some of it, other pages of the list hold the rest.
  form.addEventListener("formdata", ({ formData }) => {
    formData.delete("id");
    if (picks.size) formData.set("id", picks.ids.join());
  });
  document.addEventListener("htmx:after:swap", ({ detail }) => {
    const before = seen;
    update();
    if (detail.ctx.sourceElement.id === "clock") check([...before].filter((id) => picks.has(id) && !seen.has(id)));
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) picks.read();
    update();
  });
  update();
  check(picks.ids.filter((id) => !seen.has(id)));
});
