// The server says times in this zone.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

// htmx would begin by a timer of its own: on a busy machine after the first key was pressed, which would be lost.
window.addEventListener("DOMContentLoaded", () => globalThis.htmx?.process(document.body));

// After an error the focus goes to the first wrong field, on a whole page and after a form was sent.
const focusFirstError = () => document.querySelector('[aria-invalid="true"]')?.focus();

// A password is shown while its button is pressed, and sent as a password: browsers offer what was typed as text again.
const show = (button, shown) => {
  button.ariaPressed = shown;
  document.getElementById(button.dataset.shows).type = shown ? "text" : "password";
};
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-shows]");
  if (button) show(button, button.ariaPressed !== "true");
});
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-shows]")) show(button, false);
});

document.addEventListener("DOMContentLoaded", () => {
  focusFirstError();
  const dialog = document.querySelector("#dialog");
  const trouble = document.querySelector("#trouble");
  const regained = document.querySelector("#regained");
  let lost = false;
  const main = document.querySelector("main");

  // What a form puts into the dialog opens it; the rest of the page is out of reach until it closes.
  const openFilled = () => {
    if (!dialog?.firstElementChild || dialog.open) return;
    dialog.showModal();
    main.ariaHidden = "true";
  };
  dialog?.addEventListener("close", () => {
    main.ariaHidden = null;
    dialog.replaceChildren();
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const ctx = event.detail.ctx;
    openFilled();
    // What was refused stays said until a person goes on: pages ask by themselves every few seconds.
    if (trouble && (lost || ctx?.sourceEvent?.isTrusted)) trouble.hidden = true;
    if (lost) comeBack();
    if (ctx?.request?.method === "POST" && ctx.response?.status === 422) focusFirstError();
  });

  // What went wrong with a request is said in the dialog that sent it, above its buttons, else at the page's head.
  const said = document.createElement("p");
  said.className = "message message-error";
  said.setAttribute("role", "alert");
  const say = (source, text) => {
    const within = source?.closest?.("dialog[open]");
    const place = within ? said : trouble;
    if (!place) return;
    place.textContent = text;
    place.hidden = false;
    if (!within) return;
    const actions = within.querySelector(".actions:last-child");
    if (actions) actions.before(said);
    else within.append(said);
    said.scrollIntoView({ block: "nearest" });
  };
  const refusal = (status, method) => {
    if (status === 404 || status === 403) return "This is no longer there for you. Load the page again.";
    if (status === 413) return "What was sent is too large. Nothing was changed: shorten what you typed, then send it again.";
    if (status === 429) return "Too many requests. Wait a few minutes, then try again.";
    // A proxy may have given up on what was done.
    if (method === "POST" && status >= 500) return `The server answered ${status}. It may have been done: look before you repeat it.`;
    return `The server answered ${status}. Nothing was changed here; load the page again.`;
  };
  const isPage = (text) => /^\s*<!doctype/i.test(text ?? "");

  // What was asked for while the connection was lost, the clock's own questions excepted: it is asked for again.
  const unanswered = new Set();
  const comeBack = () => {
    const again = [...unanswered].filter((element) => element.isConnected);
    unanswered.clear();
    for (const element of again) {
      if (element.matches("form")) element.requestSubmit();
      else htmx.ajax("GET", element.getAttribute("hx-get"), { source: element });
    }
    if (again.length) return;
    lost = false;
    if (!regained) return;
    regained.hidden = false;
    setTimeout(() => (regained.hidden = true), 8000);
  };

  document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.sourceElement?.closest?.("dialog")) said.remove();
    ctx.began = Date.now();
  });
  document.addEventListener("htmx:error", ({ detail: { ctx, error } }) => {
    // A newer request took its place; what took too long is aborted as well, but later.
    if (error?.name === "AbortError" && Date.now() - ctx.began < htmx.config.defaultTimeout) return;
    const byItself = "what you see may be old. It is tried again by itself.";
    lost = true;
    if (regained) regained.hidden = true;
    const source = ctx?.sourceElement;
    if (ctx?.request?.method === "GET" && source?.hasAttribute("hx-get") && source.id !== "clock") unanswered.add(source);
    const posted = "try again. What was sent already is not sent twice.";
    say(source, `The connection is lost: ${ctx?.request?.method === "POST" ? posted : byItself}`);
  });
  document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
    const status = ctx?.response?.status;
    if (status === 422 && !isPage(ctx.text)) return;
    say(ctx?.sourceElement, refusal(status, ctx?.request?.method));
  });
  // A whole page has no place in a part of another one: what it refuses is said instead.
  document.addEventListener("htmx:before:swap", (event) => {
    if (isPage(event.detail.ctx.text)) event.preventDefault();
  });

  // A form that leaves the page is sent once the server answers: the browser's own page of a lost connection would take
  // away what was typed. One with data-asks has asked the server already (reauthentication.js).
  const LONGEST = 60_000;
  const fault = async () => {
    try {
      const { status } = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(LONGEST) });
      return status >= 500 ? `The server answered ${status}` : "";
    } catch {
      lost = true;
      return "The connection is lost";
    }
  };
  let passing = null; // the form that is sent now
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    const leaves = trouble && !event.defaultPrevented && form.matches("[method=post]:not([data-asks])");
    if (!leaves || form === passing) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // for keep.js it is not sent yet
    if (form.ariaBusy) return;
    form.ariaBusy = "true";
    const why = await fault();
    form.ariaBusy = null;
    if (why) {
      form.closest(":popover-open")?.hidePopover(); // on a telephone the menu would cover what is said
      return say(form, `${why}: try again. Nothing was sent, and what you filled in is still here.`);
    }
    passing = form;
    form.requestSubmit(submitter?.isConnected ? submitter : null);
    passing = null;
  });

  document.addEventListener("click", (event) => {
    const closing = event.target.closest("[data-close]");
    if (!closing) return;
    const floating = closing.closest("dialog, .toast");
    if (!floating) return;
    event.preventDefault();
    if (floating instanceof HTMLDialogElement) floating.close();
    else floating.remove();
  });
  // A toast goes by itself unless someone reads it, or it offers what goes with it.
  for (const toast of document.querySelectorAll(".toast:not(:has(form))")) {
    setTimeout(() => toast.matches(":hover, :focus-within") || toast.remove(), 8000);
  }
});
