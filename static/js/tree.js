// Discover's tree: what is selected, half states, what is open. What is sent are the leaves that were selected.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("#picks");
  if (!form) return;
  const MANY = 100; // branches in one address
  const list = form.querySelector("#list");
  const loaded = form.querySelector("#loaded");
  const selection = new Picks(form);

  const boxOf = (row) => row.firstElementChild;
  const keyOf = (row) => boxOf(row).value;
  const isLeaf = (row) => row.classList.contains("leaf");
  const isListed = (leaf) => leaf.dataset.unlisted === undefined;
  const rowsIn = (level) => (level ? level.querySelectorAll(":scope > ul > li:not(.level-more)") : []);
  const levelOf = (branch) => branch.querySelector(":scope > details > .level");
  const above = (row) => row.parentElement.closest("li.branch");
  const placeOf = (row) => {
    const keys = [];
    for (let branch = above(row); branch; branch = above(branch)) keys.unshift(keyOf(branch));
    return keys.join(".");
  };
  const shown = (name) => list.querySelector(`#shown [name=${name}]`).value;
  const tree = () => list.querySelector("#tree");

  // All leaves at and below a level; null while some of them are not loaded.
  const leavesIn = (level) => {
    if (!level || level.matches("[data-unloaded]") || level.querySelector("[data-unloaded], .level-more")) return null;
    return [...level.querySelectorAll("li.leaf")];
  };

  // What the server said of branches that are not loaded: which leaves a box means, by branch, under these filters.
  let known = new Map();
  let knownFor = "";
  const filters = () => `${tree()?.dataset.run} ${shown("show")} ${shown("search")}`;
  const knownOf = (branch) => {
    const ids = knownFor === filters() ? known.get(keyOf(branch)) : undefined;
    return ids?.length === Number(branch.dataset.listed) ? ids : undefined;
  };
  const learn = (groups, asked) => {
    if (knownFor !== filters()) [known, knownFor] = [new Map(), filters()];
    const fresh = new Map(asked.map((key) => [key, []]));
    for (const [place, ids] of groups) {
      const keys = place.split(".");
      const from = asked.length ? keys.findIndex((key) => asked.includes(key)) : 0;
      for (const key of place ? keys.slice(from) : []) {
        if (!fresh.has(key)) fresh.set(key, []);
        for (const id of ids) fresh.get(key).push(id);
      }
      for (const id of ids) if (selection.has(id)) selection.add(id, place);
    }
    for (const [key, ids] of fresh) known.set(key, ids);
  };

  // The leaves of these branches, of the whole tree where there are none, by the branches above them; null without an answer.
  const ask = async (keys, { every = false, byHand = true } = {}) => {
    const groups = [];
    for (let start = 0; start < Math.max(1, keys.length); start += MANY) {
      const query = new URLSearchParams({ part: "leaves", search: shown("search"), show: shown("show") });
      if (keys.length) query.set("branch", keys.slice(start, start + MANY).join());
      if (every) query.set("every", "1");
      const text = await selection.ask(`${location.pathname}?${query}`, byHand);
      if (text === null) return null;
      const answer = JSON.parse(text);
      if (String(answer.listed) !== tree()?.dataset.run) return [];
      for (const [place, ids] of answer.groups) groups.push([place, ids.split(",")]);
    }
    return groups;
  };

  // Draws what a level holds; how many of its listed leaves are selected, and whether any leaf is.
  let holding = new Set();
  let unsure = [];
  const draw = (level) => {
    let picked = 0;
    let any = false;
    for (const row of rowsIn(level)) {
      const [more, some] = isLeaf(row) ? drawLeaf(row) : drawBranch(row);
      picked += more;
      any ||= some;
    }
    return [picked, any];
  };
  const drawLeaf = (row) => {
    const some = selection.has(keyOf(row));
    boxOf(row).checked = some;
    return [Number(some && isListed(row)), some];
  };
  const drawBranch = (row) => {
    let [picked, any] = draw(levelOf(row));
    if (!leavesIn(levelOf(row))) {
      const ids = knownOf(row);
      any ||= holding.has(keyOf(row));
      picked = ids ? ids.filter((id) => selection.has(id)).length : 0;
      if (any && !ids) unsure.push(keyOf(row));
    }
    const total = Number(row.dataset.listed);
    boxOf(row).checked = total > 0 && picked === total;
    boxOf(row).indeterminate = any && !boxOf(row).checked;
    return [picked, any];
  };

  // How many selected leaves the filters hide. Of a branch that is not loaded nothing is hidden, as far as is known.
  const hidden = () => {
    const seen = new Set([...list.querySelectorAll("li.leaf")].map(keyOf));
    const closed = new Set();
    for (const branch of list.querySelectorAll("li.branch")) {
      if (leavesIn(levelOf(branch))) continue;
      const ids = knownOf(branch);
      if (!ids) closed.add(keyOf(branch));
      for (const id of ids ?? []) seen.add(id);
    }
    if (list.querySelector("#tree > .level > ul > .level-more")) closed.add("");
    const away = (place) => !place.split(/[. ]/).some((key) => closed.has(key));
    return selection.ids.filter((id) => !seen.has(id) && away(selection.places.get(id))).length;
  };

  const update = () => {
    for (const part of document.querySelectorAll("[data-with-tree]"))
      part.hidden = !tree() && !list.querySelector("#shown [value]:not([name=seen], [value=''])") && !selection.size;
    loaded.value = [...list.querySelectorAll("[data-open]")].map((level) => level.dataset.open).join(".");
    const busy = selection.waiting > 0;
    for (const button of form.querySelectorAll("#choice [type=submit]")) button.disabled = busy;
    form.querySelector("[data-none]").hidden = !selection.size;
    if (selection.size) form.querySelector("#nothing")?.remove();
    if (busy) return say(form.querySelector("[data-selected]"), "Selecting");
    holding = new Set([...new Set(selection.places.values())].flatMap((place) => place.split(/[. ]/)));
    unsure = [];
    draw(tree()?.firstElementChild);
    const away = hidden();
    const said = `${grouped.format(selection.size)} selected${away ? `, ${grouped.format(away)} not shown` : ""}`;
    say(form.querySelector("[data-selected]"), said);
    lookUp(unsure);
  };

  // Whether all or some of a branch that is not loaded is selected has to be asked for, once under the same filters.
  const looked = new Set();
  const lookUp = async (keys) => {
    const open = keys.filter((key) => !looked.has(`${filters()} ${key}`));
    if (!open.length) return;
    for (const key of open) looked.add(`${filters()} ${key}`);
    const groups = await ask(open, { byHand: false });
    if (groups) learn(groups, open);
    update();
  };

  const changed = (hide) => {
    form.querySelector("[data-changed]").hidden = hide;
  };
  const keep = () => {
    selection.keep();
    update();
  };

  // Selects what the server says is shown in these branches, or in the whole tree, if it is as many as the page said.
  const selectThose = async (keys, expected) => {
    const asking = ask(keys);
    update();
    const groups = await asking;
    if (!groups) return;
    const ids = groups.flatMap(([, leaves]) => leaves);
    if ((keys.length ? ids.length : new Set(ids).size) !== expected) {
      changed(false);
      document.body.dispatchEvent(new Event("poll"));
      return;
    }
    for (const [place, leaves] of groups) for (const id of leaves) selection.add(id, place);
    learn(groups, keys);
  };
  const leaveThose = async (keys) => {
    const asking = ask(keys, { every: true });
    update();
    for (const [, leaves] of (await asking) ?? []) for (const id of leaves) selection.delete(id);
  };
  const selectLeaf = (leaf) => selection.add(keyOf(leaf), placeOf(leaf));

  // Of a branch are meant the leaves that are shown in it and that the latest discovery lists; a leaf is meant by itself.
  const mark = async (rows, picked) => {
    const asked = [];
    for (const row of rows) {
      const leaves = isLeaf(row) ? [row] : leavesIn(levelOf(row));
      if (!leaves) asked.push(row);
      else if (!picked) for (const leaf of leaves) selection.delete(keyOf(leaf));
      else leaves.filter((leaf) => leaf === row || isListed(leaf)).forEach(selectLeaf);
    }
    const keys = asked.map(keyOf);
    if (keys.length && picked) await selectThose(keys, asked.reduce((sum, row) => sum + Number(row.dataset.listed), 0));
    else if (keys.length) await leaveThose(keys);
    keep();
  };
  const markAll = async () => {
    const leaves = leavesIn(tree().firstElementChild);
    if (leaves) leaves.filter(isListed).forEach(selectLeaf);
    else await selectThose([], Number(tree().dataset.listed));
    keep();
  };
  const clear = () => {
    selection.clear();
    update();
  };

  const visible = () => [...list.querySelectorAll("li.leaf, li.branch")].filter((row) => boxOf(row).checkVisibility());
  const ranges = new Ranges(list, visible);
  list.addEventListener("change", ({ target }) => {
    if (target.type !== "checkbox") return;
    changed(true);
    const clicked = target.closest("li");
    // In a range an open branch is what stands below it.
    const closed = (row) => row === clicked || isLeaf(row) || !row.querySelector("details").open;
    mark(ranges.upTo(clicked).filter((row) => closed(row) && !boxOf(row).disabled), target.checked);
  });
  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-none]")) clear();
    if (!event.target.closest("[data-all]")) return;
    changed(true);
    markAll();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox]), select, textarea");
    if (event.key !== "Escape" || typing) return;
    if (!document.querySelector("dialog[open], :popover-open")) clear();
  });

  // What is sent is the selection, not the boxes: a search may hide what was selected.
  form.addEventListener("formdata", (event) => {
    event.formData.delete("branch");
    event.formData.delete("id");
    if (selection.size) event.formData.set("id", selection.ids.join());
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
  }).observe(list, { childList: true, subtree: true, attributeFilter: ["data-listed", "data-open", "data-unloaded", "data-unlisted"] });

  // Few finds are shown open; when the search ends, what was open before it is open again.
  const bar = document.querySelector("form.filters");
  const branches = () => [...list.querySelectorAll("details[id]")];
  let before = null;
  bar.addEventListener("htmx:before:request", () => {
    if (!shown("search")) before = new Set(branches().filter((details) => details.open).map((details) => details.id));
  });
  bar.addEventListener("htmx:after:swap", () => {
    asked = new WeakSet();
    if (shown("search")) {
      if (list.querySelector("[data-found]"))
        for (const details of branches()) details.open = details.hasAttribute("data-found");
    } else if (before) {
      for (const details of branches()) details.open = before.has(details.id);
      before = null;
    }
  });

  document.addEventListener("htmx:after:swap", update); // what the server says of the buttons holds no count
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) selection.read();
    update();
  });
  update();
});
