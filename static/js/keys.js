// Single keys, for whoever wants them: they do nothing in a field, with Ctrl or the like, or while something is open.
document.addEventListener("DOMContentLoaded", () => {
  const { keys } = document.body.dataset; // the address of the list of keys; empty: switched off
  const rows = () => [...document.querySelectorAll("#list tbody tr, #tree li.leaf")].filter((row) => row.checkVisibility());
  const current = () => document.activeElement?.closest("#list tbody tr, #tree li.leaf");
  const targetOf = (row) => row.querySelector("td.title a") ?? row.querySelector("a, input");

  const move = (step) => {
    const all = rows();
    const at = all.indexOf(current());
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
    targetOf(next ?? document.createElement("p"))?.focus();
  };
  const search = () => {
    const field = document.querySelector(".filters :is([name=q], [name=search], [type=search])");
    if (field?.checkVisibility()) field.focus();
    else document.querySelector("#palette-open")?.click();
  };
  const tick = () => current()?.querySelector("input[type=checkbox]:not(:disabled)")?.click();
  const help = () => {
    if (document.querySelector("#dialog")) htmx.ajax("GET", keys, { target: "#dialog", swap: "innerHTML" });
  };
  const acts = { j: () => move(1), k: () => move(-1), x: tick, "/": search, "?": help };

  document.addEventListener("keydown", (event) => {
    const act = Object.hasOwn(acts, event.key) && acts[event.key];
    if (!act || !keys || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");
    if (typing || document.querySelector("dialog[open], .panel:popover-open")) return;
    event.preventDefault();
    act();
  });

  // A tree: up and down from line to line, right opens a branch, left closes it or goes to the branch above.
  const LINES = "#tree summary, #tree li.leaf > input";
  document.addEventListener("keydown", (event) => {
    const line = event.target.closest?.(LINES);
    if (!line || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const lines = [...document.querySelectorAll(LINES)].filter((one) => one.checkVisibility());
    const branch = line.closest("summary")?.parentElement;
    const above = (branch ?? line).parentElement.closest("details")?.querySelector("summary");
    const to = {
      ArrowDown: () => lines[lines.indexOf(line) + 1]?.focus(),
      ArrowUp: () => lines[lines.indexOf(line) - 1]?.focus(),
      ArrowRight: () => branch && (branch.open ? lines[lines.indexOf(line) + 1]?.focus() : (branch.open = true)),
      ArrowLeft: () => (branch?.open ? (branch.open = false) : above?.focus()),
    }[event.key];
    if (!to) return;
    event.preventDefault();
    to();
  });
});
