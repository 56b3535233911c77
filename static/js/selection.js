// What a person selected in a list or a tree: IDs. They are kept in this tab until they are sent, the selection is
// cleared or the person logs out, whatever a filter hides meanwhile and whichever page of the list is shown.
class Picks {
  static KEPT = "selected ";
  static CONFIRMED = "confirmed";
  static #last = Promise.resolve();

  // Each ID with where it stands: the branches above it, outermost first ("5.17"); several places with blanks between.
  places = new Map();
  waiting = 0;
  confirmation = null; // the form in the dialog that was sent last

  // `form` sends it; `kind` tells apart what cannot be selected together on one page.
  constructor(form, kind = "") {
    this.form = form;
    this.name = `${Picks.KEPT}${document.body.dataset.person} ${location.pathname} ${kind}`;
    this.read();
    document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => this.#acted(ctx));
    document.addEventListener("submit", ({ target }) => {
      if (!target.closest("#dialog")) return;
      this.confirmation = target;
      sessionStorage.setItem(Picks.CONFIRMED, this.name);
    });
  }

  get size() {
    return this.places.size;
  }

  get ids() {
    return [...this.places.keys()];
  }

  has(id) {
    return this.places.has(id);
  }

  add(id, place = "") {
    const held = this.places.get(id);
    if (held === undefined) this.places.set(id, place);
    else if (!held.split(" ").includes(place)) this.places.set(id, `${held} ${place}`);
  }

  delete(id) {
    this.places.delete(id);
  }

  clear() {
    this.places.clear();
    this.keep();
  }

  read() {
    this.places.clear();
    const kept = JSON.parse(sessionStorage.getItem(this.name) ?? "[]");
    for (const [place, ids] of kept) for (const id of ids.split(",")) this.places.set(id, place);
  }

  keep() {
    const byPlace = Map.groupBy(this.ids, (id) => this.places.get(id));
    sessionStorage.removeItem(this.name);
    if (!this.size) return;
    try {
      sessionStorage.setItem(this.name, JSON.stringify([...byPlace].map(([place, ids]) => [place, ids.join()])));
    } catch {
      // More than the browser keeps: it lasts as long as this page does.
    }
  }

  // The text that an address answers with, one question after the other; null when none came: frame.js says why.
  // `byHand`: a person waits for it.
  async ask(address, byHand = true) {
    if (byHand) this.waiting += 1;
    const answer = Picks.#last.then(() => Picks.#fetched(address, byHand));
    Picks.#last = answer.catch(() => null);
    try {
      return await answer;
    } finally {
      if (byHand) this.waiting -= 1;
    }
  }

  static async #fetched(address, byHand) {
    const source = document.body.appendChild(document.createElement("span"));
    let text = null;
    source.addEventListener("htmx:after:request", (event) => {
      const { response, hx, text: came } = event.detail.ctx;
      if (response.status !== 200 || hx.redirect) return;
      text = came;
      event.preventDefault(); // nothing of it goes into the page
    });
    await htmx.ajax("GET", address, { source, swap: "none", sourceEvent: { isTrusted: byHand } });
    source.remove();
    return text;
  }

  // What the form did with the selection leads back to its page; a log-in that comes in between does not.
  #acted({ request, hx, sourceElement }) {
    // What was refused in the dialog is not sent.
    if (sourceElement === this.confirmation && !hx?.redirect) sessionStorage.removeItem(Picks.CONFIRMED);
    if (request.method !== "POST" || sourceElement !== this.form || !hx?.redirect) return;
    if (new URL(hx.redirect, location.href).pathname === location.pathname) this.clear();
  }

  // A preview that was confirmed leads to its run: what was selected for it is sent. On the way there may be a log-in,
  // or the preview's own page with what is wrong.
  static settle() {
    const name = sessionStorage.getItem(Picks.CONFIRMED);
    if (name && /\/runs\/\d+\/$/.test(location.pathname)) sessionStorage.removeItem(name);
    if (!/\/(previews|accounts)\//.test(location.pathname)) sessionStorage.removeItem(Picks.CONFIRMED);
  }
}
Picks.settle();

// Boxes that are clicked with Shift held down: those between the box before and this one do as this one does.
class Ranges {
  #before = "";
  #shift = false;

  // `rows` are those that are shown, in their order; each has an `id`, by which it is known after the list changed.
  constructor(list, rows) {
    this.rows = rows;
    list.addEventListener("click", (event) => {
      if (event.target.closest("label, input")) this.#shift = event.shiftKey;
    });
    // With Shift a click would mark the text in between.
    list.addEventListener("mousedown", (event) => {
      if (event.shiftKey && event.target.closest("label, .pick, input")) event.preventDefault();
    });
  }

  // The rows that are meant by a box that was just changed: the row itself, with Shift those up to it.
  upTo(row) {
    const rows = this.rows();
    const from = this.#shift ? rows.findIndex(({ id }) => id === this.#before) : -1;
    const to = rows.indexOf(row);
    this.#before = row.id;
    if (from < 0 || to < 0) return [row];
    return rows.slice(Math.min(from, to), Math.max(from, to) + 1);
  }
}

const grouped = new Intl.NumberFormat("en");
const say = (place, text) => {
  if (place.textContent !== text) place.textContent = text;
};
