// The register page: what an address suggests, the provider's MIME type, and limits before anything large is sent.
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("#register");
  const provider = form.elements.provider;
  const defaultType = () => provider.selectedOptions[0]?.dataset.mime ?? "";

  // The MIME type follows the provider where nobody typed another one.
  let before = defaultType();
  let chosen = provider.value !== "";
  let followed = ""; // the row whose address named the provider, where no person did
  const follow = () => {
    for (const input of form.querySelectorAll("[name$='-mime_type']")) {
      if (!input.value || input.value === before) input.value = defaultType();
    }
    before = defaultType();
    form.elements.mime_of.value = provider.value;
  };
  provider.addEventListener("change", () => {
    chosen = true;
    follow();
  });

  // A suggestion fills what is empty, or what still holds the suggestion before; never what was typed. An address
  // that suggests nothing takes the suggestion of the one before away: it is of another resource. What is said beside
  // what stands there depends on the address.
  const suggestions = new WeakMap();
  const suggest = (name, value) => {
    const input = form.elements[name];
    if (!input) return;
    if (input.value !== value && (!input.value || input.value === suggestions.get(input))) {
      input.value = value;
      suggestions.set(input, value);
    }
    if (input.value) input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  form.addEventListener("suggested", (event) => {
    const { row, title, external_id: id, provider: name } = event.detail;
    if (name && !chosen && (!provider.value || row === followed)) {
      provider.value = name;
      followed = row;
      follow();
    }
    suggest(`${row}-title`, title);
    suggest(`${row}-external_id`, id);
  });

  // What is wrong with a field stands beside it. No swap touches the field itself, so it is marked here.
  const mark = (input) => {
    const said = document.getElementById(`${input.id}_said`);
    if (said) input.ariaInvalid = said.querySelector(".wrong") ? "true" : null;
  };
  form.addEventListener("htmx:after:swap", (event) => {
    const field = event.target.closest("[data-check]");
    if (!field) return;
    mark(field.querySelector("input"));
    event.stopPropagation(); // frame.js would take the focus to the first wrong field
  });
  form.addEventListener("htmx:config:request", (event) => {
    const { sourceElement, request } = event.detail.ctx;
    if (sourceElement === form) return;
    request.body.delete("text");
    request.body.delete("file");
  });
  document.addEventListener(
    "htmx:after:swap",
    (event) => {
      for (const input of form.querySelectorAll("[hx-morph-skip]")) mark(input);
      const pressed = event.detail.ctx.sourceElement;
      if (pressed.id === "add-row") form.querySelector("#rows > .entry-row:last-of-type input:not([type=hidden])").focus();
      if (pressed.matches(".row-remove")) form.querySelector("#add-row").focus();
    },
    true,
  );

  // 12 MB and 10,000 lines are said before they are sent; the server says the same.
  const mostBytes = Number(form.dataset.mostBytes);
  const mostLines = Number(form.dataset.mostLines);
  const say = (input, text) => {
    const said = document.getElementById(`${input.id}_said`);
    said.replaceChildren();
    if (text) {
      const line = document.querySelector("#wrong-line").content.cloneNode(true);
      line.querySelector("span").textContent = text;
      said.append(line);
    }
    mark(input);
    return text;
  };
  const number = new Intl.NumberFormat("en");
  // Quoted values may hold line breaks; JSON is counted by the server alone, and what is no text has no lines.
  const linesOf = (text) => {
    if (/^\s*[[{]/.test(text) || text.includes("\0")) return 0;
    const unquoted = text.split('"').filter((_, index) => index % 2 === 0).join("x");
    return unquoted.split(/\r\n|\r|\n/).filter((line) => line.trim()).length - 1;
  };
  const tooMuch = (bytes, text) => {
    if (bytes > mostBytes) {
      return `This has ${(bytes / 2 ** 20).toFixed(1)} MB; ${mostBytes / 2 ** 20} MB is the most. Cut it into parts.`;
    }
    const lines = linesOf(text);
    return lines > mostLines
      ? `This has ${number.format(lines)} lines; ${number.format(mostLines)} is the most. Cut it into parts.`
      : "";
  };
  const text = form.elements.text;
  const file = form.elements.file;
  const checkText = () => say(text, tooMuch(new Blob([text.value]).size, text.value));
  let fileTooMuch = "";
  const checkFile = async () => {
    const held = file.files[0];
    const isText = held && !/\.xlsx$/i.test(held.name);
    fileTooMuch = held ? tooMuch(held.size, "") || (isText && tooMuch(0, await held.text())) || "" : "";
    say(file, fileTooMuch);
  };
  text.addEventListener("change", checkText);
  file.addEventListener("change", checkFile);
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form || event.submitter?.value !== "preview") return;
      const wrong = (checkText() && text) || (fileTooMuch && file);
      if (!wrong) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      wrong.focus();
    },
    true,
  );
});
