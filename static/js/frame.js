// The page's one clock: everything live asks on `poll`, nothing while the page is hidden, at once on return.
const poll = () => {
  if (!document.hidden) document.body.dispatchEvent(new Event("poll"));
};
setInterval(poll, 2000);
document.addEventListener("visibilitychange", poll);

// The server says times in this zone.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;

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
    openFilled();
    if (trouble) trouble.hidden = true;
    if (event.detail.ctx?.request?.method === "POST") focusFirstError();
  });

  const say = (text) => {
    if (!trouble) return;
    trouble.textContent = text;
    trouble.hidden = false;
  };
  document.addEventListener("htmx:error", () =>
    say("The connection is lost: what you see may be old. It is tried again by itself."),
  );
  document.addEventListener("htmx:response:error", (event) => {
    const status = event.detail.ctx?.response?.raw?.status ?? event.detail.ctx?.response?.status;
    if (status === 422) return;
    say(
      status === 404 || status === 403
        ? "This is no longer there for you. Load the page again."
        : `The server answered ${status}. Nothing was changed here; load the page again.`,
    );
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
  // A toast goes by itself unless someone reads it.
  for (const toast of document.querySelectorAll(".toast")) {
    setTimeout(() => toast.matches(":hover, :focus-within") || toast.remove(), 8000);
  }
});
