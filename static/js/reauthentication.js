// A dangerous act asks who one is in a dialog over its form (data-asks), which stays as it is and is sent afterwards.
{
  const ADDRESS = "/accounts/reauthenticate/";
  const LOST = "The connection is lost. Nothing was sent, and what you filled in is still here. Try again.";
  const GONE = "This is no longer on the page: it changed meanwhile. Nothing was sent. Look at the page and do it again.";
  const channel = new BroadcastChannel("reauthentication");

  let waiting = null; // what goes on once the person has shown who they are
  let passing = null; // the form that is sent now

  const dialog = document.createElement("dialog");
  dialog.className = "dialog dialog-small";
  dialog.setAttribute("aria-labelledby", "again-title");

  const focus = () => dialog.querySelector('[aria-invalid="true"], [autofocus], input:not([type=hidden]), .button-primary')?.focus();

  const show = (html) => {
    dialog.innerHTML = html;
    for (const link of dialog.querySelectorAll("a[href]")) link.target = "_blank"; // what is filled in stays here
    if (!dialog.open) {
      document.body.append(dialog);
      dialog.showModal();
    }
    focus();
  };

  // What went wrong, in the question's place or above it.
  const tell = (text) => {
    if (!dialog.open) {
      show(`<h2 id="again-title">Is it you?</h2><div class="actions"><button type="button" class="button" data-close>Close</button></div>`);
    }
    dialog.querySelector('[role="alert"]')?.remove();
    const said = document.createElement("p");
    said.className = "message message-error";
    said.setAttribute("role", "alert");
    said.textContent = text;
    dialog.querySelector("h2").after(said);
  };

  const goOn = () => {
    const { go } = waiting;
    waiting = null;
    dialog.close();
    go();
  };

  // Asks the server, and shows what it says: 204 is "it is you".
  const ask = async (method, body) => {
    const headers = { "HX-Request": "true", "HX-Current-URL": location.href, "X-By-Hand": "1" };
    let answer, text;
    try {
      answer = await fetch(ADDRESS, { method, body, headers, redirect: "error" });
      text = await answer.text();
    } catch {
      return tell(LOST);
    }
    if (!waiting) return; // closed meanwhile
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) location.assign(elsewhere); // logged out: keep.js brings back what was typed
    else if (answer.status === 204) goOn();
    else if (/^\s*<!doctype/i.test(text)) tell(`The server answered ${answer.status}. Nothing was sent, and what you filled in is still here.`);
    else show(text);
  };

  const begin = async (from, go) => {
    if (waiting) return; // a second click
    const panel = from.closest(":popover-open");
    waiting = { from, panel, go };
    from.ariaBusy = "true";
    await ask("GET");
    from.ariaBusy = null;
  };

  document.addEventListener(
    "submit",
    (event) => {
      const { target: form, submitter } = event;
      if (!form.matches("[data-asks]")) return;
      if (passing === form) {
        passing = null;
        return;
      }
      event.preventDefault();
      event.stopImmediatePropagation();
      begin(form, () => {
        if (!form.isConnected) {
          tell(GONE);
          return;
        }
        passing = form;
        form.requestSubmit(submitter?.isConnected ? submitter : null);
        passing = null;
      });
    },
    true,
  );

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-asks]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    begin(link, () => location.assign(link.href));
  });

  let busy = false;
  dialog.addEventListener("submit", async (event) => {
    if (event.target.target === "_blank") return; // off to the log-in provider
    event.preventDefault();
    if (busy) return;
    busy = true;
    await ask("POST", new FormData(event.target, event.submitter));
    busy = false;
  });

  // Cancelled or Escape: back to what was filled in.
  dialog.addEventListener("close", () => {
    if (dialog.open) return; // open again meanwhile
    dialog.replaceChildren();
    dialog.remove();
    if (!waiting) return;
    const { from, panel } = waiting;
    waiting = null;
    if (panel?.isConnected) panel.showPopover();
    (from.querySelector?.("[type=submit]") ?? from).focus();
  });

  // The log-in provider was asked in a tab of its own.
  channel.addEventListener("message", () => {
    if (waiting && dialog.open) ask("GET");
    else document.querySelector("body.bare form#again [type=submit]:not([form], [name])")?.click();
  });
  addEventListener("DOMContentLoaded", () => {
    if (document.querySelector("[data-reauthenticated]")) channel.postMessage("done");
  });
  // A page that comes back from the browser's memory asks anew.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    waiting = null;
    if (dialog.open) dialog.close();
  });
}
