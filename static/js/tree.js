// Discover's tree: what is picked, half states, what is open. The server is told when a form is sent.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("#picks");
  if (!form) return;
  const list = form.querySelector("#list");
  const loaded = form.querySelector("#loaded");
  const number = new Intl.NumberFormat("en");
  // Picked (true) or left out (false), by "id 7", "branch 5" or "all". The nearest mark above a leaf decides, so that
  // a branch can be picked whose leaves were never loaded. Marks outlive the rows: a search may hide what was picked.
  const marks = new Map();
  const places = new Map(); // the names of the branches above each mark

  const boxOf = (row) => row.firstElementChild;
  const nameOf = (row) => `${boxOf(row).name} ${boxOf(row).value}`;
  const idOf = (name) => name.replace("id ", "leaf-").replace("branch ", "branch-");
  const rowsIn = (level) => (level ? level.querySelectorAll(":scope > ul > li:not(.level-more)") : []);
  const levelOf = (branch) => branch.querySelector(":scope > details > .level");
  const above = (row) => row.parentElement.closest("li.branch");
  const decided = (row) =>
    row ? (marks.get(nameOf(row)) ?? decided(above(row))) : (marks.get("all") ?? false);

  // Draws the boxes of a level and returns how many of its `total` leaves are picked; those not loaded follow `own`.
  const draw = (level, total, own, partly) => {
    let known = 0;
    let picked = 0;
    for (const row of rowsIn(level)) {
      const mark = marks.get(nameOf(row)) ?? own;
      const leaf = row.classList.contains("leaf");
      const all = leaf ? 1 : Number(row.dataset.total);
      const some = leaf ? Number(mark) : draw(levelOf(row), all, mark, partly);
      const half = (some > 0 && some < all) || (!leaf && partly.has(nameOf(row)));
      boxOf(row).checked = some === all && !half;
      boxOf(row).indeterminate = half;
      known += all;
      picked += some;
    }
    return picked + (own ? Math.max(0, total - known) : 0);
  };

  const update = () => {
    const tree = list.querySelector("#tree");
    for (const part of document.querySelectorAll("[data-with-tree]"))
      part.hidden = !tree && !list.querySelector("#shown [value]:not([name=seen], [value=''])");
    const away = [...marks.keys()].filter((name) => name !== "all" && !list.querySelector(`[id="${idOf(name)}"]`));
    const partly = new Set(away.flatMap((name) => places.get(name) ?? []));
    const total = Number(tree?.dataset.total);
    const inside = tree ? draw(tree.firstElementChild, total, marks.get("all") ?? false, partly) : 0;
    const hidden = away.filter((name) => name.startsWith("id ") && marks.get(name)).length;
    const said = `${number.format(inside + hidden)} selected${hidden ? `, ${number.format(hidden)} of them not shown` : ""}`;
    const place = form.querySelector("[data-selected]");
    if (place.textContent !== said) place.textContent = said;
    form.querySelector("[data-none]").hidden = !marks.size;
    if (inside + hidden) form.querySelector("#nothing")?.remove();
    loaded.value = [...list.querySelectorAll("[data-open]")].map((level) => level.dataset.open).join(".");
  };

  const mark = (row, picked) => {
    for (const below of row.querySelectorAll("li.leaf, li.branch")) marks.delete(nameOf(below));
    marks.delete(nameOf(row));
    if (picked === decided(above(row))) return;
    marks.set(nameOf(row), picked);
    const branches = [];
    for (let branch = above(row); branch; branch = above(branch)) branches.push(nameOf(branch));
    places.set(nameOf(row), branches);
  };
  const clear = () => {
    marks.clear();
    update();
  };

  list.addEventListener("change", (event) => {
    if (event.target.type !== "checkbox") return;
    mark(event.target.closest("li"), event.target.checked);
    update();
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-none]")) clear();
    if (!event.target.closest("[data-all]")) return;
    marks.clear();
    marks.set("all", true);
    update();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.target.matches("input[type=search]")) return;
    if (!document.querySelector("dialog[open]")) clear();
  });

  // What is sent are the marks, not the boxes: few, whatever was picked.
  form.addEventListener("formdata", (event) => {
    const sent = { "id true": [], "id false": [], "branch true": [], "branch false": [] };
    for (const [name, picked] of marks) {
      const [kind, key] = name.split(" ");
      sent[`${kind} ${picked}`]?.push(key);
    }
    for (const [kind, keys] of Object.entries(sent)) {
      const field = kind.endsWith("true") ? kind.split(" ")[0] : `not_${kind.split(" ")[0]}`;
      event.formData.delete(field);
      if (keys.length) event.formData.set(field, keys.join());
    }
    if (marks.get("all")) event.formData.set("all", "1");
  });

  // A branch is loaded when it is opened; one that lost its rows while it was open is asked for again.
  let asked = new WeakSet();
  const want = (details) => {
    const level = details.querySelector(":scope > .level[data-unloaded]");
    if (!details.open || !level || asked.has(level)) return;
    asked.add(level);
    level.dispatchEvent(new Event("wanted"));
  };
  list.addEventListener(
    "toggle",
    (event) => {
      asked.delete(event.target.querySelector(":scope > .level"));
      want(event.target);
    },
    true,
  );
  new MutationObserver(() => {
    update();
    for (const details of list.querySelectorAll("details[open]")) want(details);
  }).observe(list, { childList: true, subtree: true, attributeFilter: ["data-total", "data-open", "data-unloaded"] });

  // Few finds are shown open; when the search ends, what was open before it is open again.
  const filters = document.querySelector("form.filters");
  const searched = () => list.querySelector("#shown [name=search]").value;
  const branches = () => [...list.querySelectorAll("details[id]")];
  let before = null;
  filters.addEventListener("htmx:before:request", () => {
    if (!searched()) before = new Set(branches().filter((details) => details.open).map((details) => details.id));
  });
  filters.addEventListener("htmx:after:swap", () => {
    asked = new WeakSet();
    if (searched()) {
      if (list.querySelector("[data-found]"))
        for (const details of branches()) details.open = details.hasAttribute("data-found");
    } else if (before) {
      for (const details of branches()) details.open = before.has(details.id);
      before = null;
    }
  });

  for (const box of list.querySelectorAll("input[type=checkbox][checked]")) marks.set(`${box.name} ${box.value}`, true);
  document.addEventListener("htmx:after:swap", update); // what the server says of the buttons holds no count
  window.addEventListener("pageshow", update);
  update();
});
