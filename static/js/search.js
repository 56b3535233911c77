// The search of the audit trail: suggestions for the term at the end, taken by keyboard or pointer.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector("[data-search]");
  const list = document.querySelector("#suggestions");
  if (!field || !list) return;
  Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false" })
    .forEach(([name, value]) => field.setAttribute(name, value));

  // What is saved is what the address says by then (list.js).
  const saving = document.querySelector("#save-search");
  saving?.addEventListener("click", () => {
    const url = new URL(saving.href);
    url.searchParams.set("query", location.search.slice(1));
    saving.href = url;
  });

  let asked = null; // the request that is on its way: an older one's answer is dropped
  let wait = 0;
  const options = () => [...list.children];
  const active = () => list.querySelector("[aria-selected=true]");
  const show = (open) => {
    list.hidden = !open;
    field.setAttribute("aria-expanded", String(open));
    if (open) return;
    field.removeAttribute("aria-activedescendant");
    // Nothing that is still to come opens it again.
    clearTimeout(wait);
    asked?.abort();
  };
  const mark = (option) => {
    active()?.setAttribute("aria-selected", "false");
    if (!option) return field.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", option.id);
  };
  const ask = async () => {
    asked?.abort();
    asked = new AbortController();
    const query = new URLSearchParams(new FormData(field.form));
    query.set("part", "suggest");
    query.set("text", field.value.slice(0, field.selectionStart));
    try {
      const answer = await fetch(`${location.pathname}?${query}`, { signal: asked.signal });
      if (!answer.ok || answer.redirected) return show(false);
      const found = await answer.text();
      const chosen = active()?.dataset.text; // what a person marked meanwhile stays marked
      list.innerHTML = found;
      mark(options().find((option) => option.dataset.text === chosen));
      show(list.children.length > 0 && document.activeElement === field);
    } catch {
      // Aborted, or offline, which the page says elsewhere.
    }
  };
  const soon = () => {
    clearTimeout(wait);
    wait = setTimeout(ask, 120);
  };
  const take = (option) => {
    const rest = field.value.slice(field.selectionStart);
    field.value = option.dataset.text + rest;
    field.setSelectionRange(option.dataset.text.length, option.dataset.text.length);
    field.focus();
    // What ends with a colon is no condition yet.
    if (!option.dataset.text.endsWith(" ")) return soon();
    field.dispatchEvent(new Event("input", { bubbles: true }));
    show(false);
  };

  // A key that is still being typed is no condition: the list waits for its value, or for Enter.
  field.addEventListener("input", (event) => {
    if (/(^|\s)(-|-?[a-z]+:?)$/i.test(field.value)) event.stopPropagation();
    soon();
  });
  field.addEventListener("click", soon);
  field.addEventListener("blur", () => show(false));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault(); // the field keeps the focus
    const option = event.target.closest("[role=option]");
    if (option) take(option);
  });
  field.addEventListener("keydown", (event) => {
    const all = options();
    const here = all.indexOf(active());
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return void ask();
      mark(all[(here + (event.key === "ArrowDown" ? 1 : here < 0 ? 0 : -1) + all.length) % all.length]);
    } else if (event.key === "Escape") {
      if (!list.hidden) event.stopPropagation();
      show(false);
    } else if (event.key === "Enter") {
      if (!list.hidden && active()) {
        event.preventDefault();
        take(active());
      } else show(false);
    }
  });
});
