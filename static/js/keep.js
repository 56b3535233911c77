// What was typed when a log-in, or another form of the page, came in between comes back afterwards, to the same person;
// and the server learns which requests a person made by hand, so that a page that keeps itself up to date does not keep
// a session alive.
const KEPT = "kept";
const COMING_BACK = "coming back";
const LONGEST = 15 * 60 * 1000;

document.addEventListener("htmx:config:request", (event) => {
  const { request, sourceEvent } = event.detail.ctx;
  if (sourceEvent?.isTrusted) request.headers["X-By-Hand"] = "1";
});

document.addEventListener("DOMContentLoaded", () => {
  const person = document.body.dataset.person ?? "";
  const forms = () => [...document.querySelectorAll("form[data-keep]")];
  // Never what is secret, and nothing that the server put there itself: one-time tokens would be old.
  const SECRET = "[type=password], [autocomplete$=password], [type=hidden], [type=file], [type=submit], [autocomplete=one-time-code]";
  // A password that is shown is one as well.
  const secret = (field) => field.matches(SECRET) || Boolean(field.id && document.querySelector(`[data-shows="${field.id}"]`));
  const fields = (form) => [...form.elements].filter((field) => field.name && !field.disabled && !secret(field));
  const chosen = (field) => field.type === "checkbox" || field.type === "radio";
  const changed = (field) => {
    if (chosen(field)) return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return field.value !== field.defaultValue;
  };
  const called = (form, name) => fields(form).filter((field) => field.name === name);
  const said = (form) => (field) => {
    const which = { name: field.name, place: called(form, field.name).indexOf(field) };
    if (chosen(field)) return { ...which, checked: field.checked };
    if (field.options) return { ...which, values: [...field.selectedOptions].map((option) => option.value) };
    return { ...which, value: field.value };
  };
  // A form is known by its name, else by where it leads.
  const nameOf = (form) => form.dataset.keep || new URL(form.getAttribute("action") ?? "", location).pathname;

  let leaving = false;
  let sent = null; // a form whose answer may lead on, while the page's others are still being filled in
  const keep = () => {
    const typed = forms()
      .map((form) => ({ form: nameOf(form), fields: fields(form).filter(changed).map(said(form)) }))
      .filter((one) => one.fields.length);
    if (leaving || !typed.length) return;
    if (sent) sessionStorage.setItem(COMING_BACK, "1");
    try {
      sessionStorage.setItem(KEPT, JSON.stringify({ person, path: location.pathname, at: Date.now(), typed }));
    } catch {
      forget(); // more than the browser keeps
    }
  };
  const forget = () => {
    sessionStorage.removeItem(KEPT);
    sessionStorage.removeItem(COMING_BACK);
  };
  const put = (form, { name, place, value, values, checked }) => {
    const field = called(form, name)[place];
    if (!field) return false;
    if (checked !== undefined) field.checked = checked;
    else if (values) for (const option of field.options) option.selected = values.includes(option.value);
    else field.value = value;
    for (const type of ["input", "change"]) field.dispatchEvent(new Event(type, { bubbles: true }));
    return true;
  };
  const tell = (text) => {
    const trouble = document.querySelector("#trouble");
    if (!trouble) return;
    trouble.textContent = text;
    trouble.hidden = false;
  };
  const restore = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
    const due = kept && sessionStorage.getItem(COMING_BACK) && kept.person === person && Date.now() - kept.at < LONGEST;
    if (due && kept.path !== location.pathname) return;
    forget();
    if (!due) return;
    let all = true;
    for (const { form: name, fields: typed } of kept.typed) {
      const form = forms().find((one) => nameOf(one) === name);
      for (const one of typed) all = Boolean(form && put(form, one)) && all;
    }
    if (!all) tell("Some of what you typed has no place here any more, and is not back. Look through the page before you send it.");
  };

  // A page of the log-in itself leaves things alone; every other page takes back what is its own, or throws it away.
  if (document.body.classList.contains("bare") && location.pathname.startsWith("/accounts/")) {
    sessionStorage.setItem(COMING_BACK, "1");
    return;
  }
  restore();
  addEventListener("pagehide", keep);
  addEventListener("pageshow", (event) => event.persisted && forget());
  document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
    if (ctx.sourceElement === sent) sent = null; // it was refused, and the page stays
  });
  addEventListener("submit", (event) => {
    // What stands in the page's other forms is not lost by sending this one.
    if (event.target.matches("[data-keeps-others]")) sent = event.target;
    // Filters may have changed since the page came.
    const next = event.target.querySelector("[name=next][data-here]");
    if (next) next.value = location.pathname + location.search;
    // Who logs out leaves nothing behind.
    if (event.target.getAttribute("action") === "/accounts/logout/") {
      leaving = true;
      sessionStorage.clear(); // what was typed, and what was selected (selection.js)
    }
  });
});
