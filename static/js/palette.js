// The search across pages: a dialog with one field. The focus stays in the field; arrow keys move the marked line.
document.addEventListener("DOMContentLoaded", () => {
  const palette = document.querySelector("#palette");
  if (!palette) return;
  const field = palette.querySelector("#palette-field");
  const list = palette.querySelector("#palette-list");
  const options = () => [...list.querySelectorAll("[role=option]")];
  let [current, entered] = [true, false];
  let chosen = null; // the address of the line that a person marked since typing
  const marked = () => list.querySelector("[aria-selected=true]");

  const mark = (option) => {
    marked()?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    if (option) field.setAttribute("aria-activedescendant", option.id);
    else field.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const choose = (option) => {
    chosen = option.getAttribute("href");
    mark(option);
  };
  const open = () => {
    if (palette.open || document.querySelector("dialog[open]")) return;
    palette.showModal();
    field.select();
    field.dispatchEvent(new Event("ask"));
  };

  document.querySelector("#palette-open")?.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (palette.open) palette.close();
    else open();
  });
  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.indexOf(marked());
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1 };
    if (event.key in steps && all.length) {
      event.preventDefault();
      choose(all.at(steps[event.key] % all.length));
    }
    // A search field's own Esc would only empty it.
    if (event.key === "Escape") {
      event.preventDefault();
      palette.close();
    }
    if (event.key === "Enter") {
      event.preventDefault();
      if (current) marked()?.click();
      else entered = true;
    }
  });
  // What is listed belongs to what was typed before, until the answer has come: Enter waits for it.
  field.addEventListener("input", () => {
    [current, entered] = [false, false];
    chosen = null;
  });
  list.addEventListener("mousemove", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) choose(option);
  });
  // A click beside the palette closes it, as Esc does.
  palette.addEventListener("click", ({ target }) => target === palette && palette.close());
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.sourceElement !== field) return;
    const again = options().find((option) => option.getAttribute("href") === chosen);
    mark(again ?? options()[0]);
    if (entered && (again || !chosen)) marked()?.click();
    [current, entered] = [true, false];
  });
});
