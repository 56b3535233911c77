// The page's one clock: #clock asks for news of the page and its frame on `poll`, every three seconds while a run goes
// on, every four otherwise, not while the page is hidden, at once on return. What is shown is named in X-Seen (live.py).
document.addEventListener("DOMContentLoaded", () => {
  const clock = document.querySelector("#clock");
  const poll = () => {
    if (!document.hidden) document.body.dispatchEvent(new Event("poll"));
  };
  let mark = clock?.dataset.mark ?? "";
  let [markedAt, newsAt] = [Date.now(), 0];
  const digests = new Map(); // by the place of a piece: of what the server sent for it; a row has its own in the page
  const askedAt = new Map(); // by the name of a part that is not asked for on each tick
  const shownAt = new Map(); // by the name of a part: the mark up to which it was asked for

  const QUICK = 3000;
  const CALM = 4000;
  const state = (shown) => shown.slice(0, shown.lastIndexOf("."));
  const runsGoOn = () => mark.split(".").at(-2) !== "0";
  let next = 0;
  const tick = () => {
    clearTimeout(next);
    next = setTimeout(() => {
      poll();
      tick();
    }, clock && runsGoOn() ? QUICK : CALM);
  };
  tick();
  document.addEventListener("visibilitychange", poll);

  // They are sent when pieces are likely to come: while there is news, and when the server looks again by itself.
  const [HOT, AGE] = [30_000, 50_000];
  const known = (behind) => {
    const now = Date.now();
    if (!behind && now - newsAt > HOT && now - markedAt < AGE) return "";
    return [...digests.values(), ...[...document.querySelectorAll("tr[data-d]")].map((row) => row.dataset.d)].join();
  };

  const isDue = ({ dataset: { live, every } }) => !every || Date.now() - (askedAt.get(live) ?? 0) >= every * 1000;
  const parts = () => [...document.querySelectorAll("[data-live]")].filter(isDue).map(({ dataset }) => dataset.live);

  document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement !== clock) return;
    const named = parts();
    for (const name of named) askedAt.set(name, Date.now());
    // A part that was left out meanwhile asks for what came since, though the page as a whole has it.
    const behind = named.map((name) => shownAt.get(name)).find((shown) => shown && state(shown) !== state(mark));
    ctx.named = named;
    ctx.address = location.href;
    ctx.request.action = location.pathname + location.search;
    // Only what the server reads of it: these headers are most of what an idle page costs.
    ctx.request.headers = {
      "HX-Request": "true",
      "HX-Current-URL": location.href,
      "X-Seen": `${behind ?? mark} ${named.join()} ${known(behind)}`,
    };
  });

  // Rows that came since stay away until they are asked for: what one is about to click does not move.
  const holdBack = (shown, fragment) => {
    const [now, then] = [shown.querySelector("tbody"), fragment.querySelector("tbody")];
    if (!now?.rows.length || !then) return true;
    const place = new Map([...now.rows].map((row, index) => [row.id, index]));
    const rows = [...then.rows];
    const lastKnown = rows.findLastIndex((row) => place.has(row.id));
    // Nothing of what is shown is left: either it went, or so much came that it is on an older page now.
    if (lastKnown < 0) {
      if (!fragment.querySelector("[rel=next]")) return true;
      offer(shown, `${rows.length}+`);
      return false;
    }
    const fresh = rows.slice(0, lastKnown).filter((row) => !place.has(row.id));
    for (const row of fresh) row.remove();
    then.prepend(...rows.filter((row) => place.has(row.id)).sort((one, other) => place.get(one.id) - place.get(other.id)));
    if (fresh.length) offer(fragment, fresh.length);
    return true;
  };
  // What is shown stays as it is until the new is asked for, so there is little to ask for: in seconds.
  const SELDOM = 15;
  const offer = (list, number) => {
    list.querySelector("#fresh")?.remove();
    const said = document.createElement("p");
    said.id = "fresh";
    said.className = "fresh";
    said.setAttribute("role", "status");
    const button = said.appendChild(document.createElement("button"));
    button.type = "button";
    button.id = "show-fresh";
    button.className = "button button-small";
    button.textContent = `${number} new`;
    list.querySelector(".scroll").before(said);
  };
  document.addEventListener("click", async ({ target }) => {
    if (!target.closest("#show-fresh")) return;
    const address = location.pathname + location.search;
    await htmx.ajax("GET", address, { target: "#list", swap: "innerMorph", sourceEvent: { isTrusted: true } });
    document.querySelector("#list tbody a")?.focus();
    document.querySelector("#summary")?.dispatchEvent(new Event("recount"));
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail;
    if (ctx.sourceElement !== clock) {
      digests.clear(); // what is shown is not what the clock brought
      return;
    }
    // The filters changed meanwhile.
    if (ctx.address !== location.href) {
      event.preventDefault();
      return;
    }
    if (ctx.response.status >= 400) return;
    for (const task of [...tasks]) {
      if (!task.target.matches?.("[data-hold]") || holdBack(task.target, task.fragment)) continue;
      tasks.splice(tasks.indexOf(task), 1);
      for (const part of task.target.querySelectorAll("[data-live=list]")) part.dataset.every = SELDOM;
    }
    const seen = ctx.response.headers.get("X-Seen");
    if (!seen) return;
    const before = runsGoOn();
    mark = seen;
    markedAt = Date.now();
    for (const name of ctx.named) shownAt.set(name, mark);
    if (ctx.response.status === 200) newsAt = markedAt;
    for (const [, place, digest] of ctx.text.matchAll(/hx-target="([^"]+)"[^>]* data-d="([^"]+)"/g)) digests.set(place, digest);
    if (before !== runsGoOn()) tick();
  });

  // What polling may fill keeps the height it had, and scrolls, so that nothing below it moves; until a person folds
  // something out in it, or the window has another size.
  const room = document.querySelector("[data-room]");
  const { style } = document.documentElement;
  if (clock && room && room.dataset.room !== "over") style.setProperty("--room", `${room.offsetHeight}px`);
  const makeRoom = ({ target }) => {
    if (target === window || target.closest("[data-room]")) style.removeProperty("--room");
  };
  window.addEventListener("resize", makeRoom);
  document.addEventListener("htmx:after:swap", () => {
    if (document.querySelector("[data-room='over']")) style.removeProperty("--room");
  });
  document.addEventListener("toggle", makeRoom, true);

  // "3 min ago" and "for 3 min" stay right without asking anybody; what is older than an hour is written by the server.
  const MINUTE = 60_000;
  const ago = (passed) => (passed < MINUTE ? "just now" : `${Math.floor(passed / MINUTE)} min ago`);
  const lasting = (passed) =>
    passed < MINUTE ? `for ${Math.max(1, Math.floor(passed / 1000))} s` : `for ${Math.floor(passed / MINUTE)} min`;
  const retell = () => {
    for (const time of document.querySelectorAll("time")) {
      const told = /^(?:(just now|\d+ min ago)|for \d+ (?:s|min))$/.exec(time.textContent);
      if (!told) continue;
      const passed = Date.now() - Date.parse(time.dateTime);
      const text = told[1] ? ago(passed) : lasting(passed);
      if (passed < 60 * MINUTE && text !== time.textContent) time.textContent = text;
    }
  };
  setInterval(() => document.hidden || retell(), QUICK);
  document.addEventListener("htmx:after:swap", retell);
  document.addEventListener("visibilitychange", retell);
});
