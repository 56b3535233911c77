// An error beside a field goes when the field is right: when it holds something else than what was refused, and the
// browser finds nothing wrong with that. What was refused, typed again, brings it back.
{
  const refused = new WeakMap(); // by field: the value that was refused, and the error with its place

  const valueOf = (field) => {
    if (field.type === "checkbox") return String(field.checked);
    if (field.type === "file") return [...field.files].map((file) => `${file.name} ${file.size} ${file.lastModified}`).join("/");
    return field.value;
  };
  const describe = (field, error, on) => {
    const names = (field.getAttribute("aria-describedby") ?? "").split(/\s+/).filter((name) => name && name !== error.id);
    if (on) names.push(error.id);
    if (names.length) field.setAttribute("aria-describedby", names.join(" "));
    else field.removeAttribute("aria-describedby");
  };

  // Django gives the error of a field the field's own ID and an end.
  const errorOf = (field) => {
    const names = (field.getAttribute("aria-describedby") ?? "").split(/\s+/);
    return names.map((name) => document.getElementById(name)).find((found) => found?.classList.contains("wrong"));
  };
  const note = (field) => {
    const error = errorOf(field);
    if (error) refused.set(field, { value: field.dataset.refused ?? valueOf(field), error, parent: error.parentElement });
  };
  const noteAll = () => {
    for (const field of document.querySelectorAll('[aria-invalid="true"]')) if (!refused.has(field)) note(field);
  };

  const check = (field) => {
    const held = refused.get(field);
    if (!held) return;
    const wrong = valueOf(field) === held.value || !field.validity.valid;
    if (wrong === held.error.isConnected) return;
    if (wrong) {
      held.parent.append(held.error);
      field.setAttribute("aria-invalid", "true");
    } else {
      held.error.remove();
      field.removeAttribute("aria-invalid");
    }
    describe(field, held.error, wrong);
  };

  document.addEventListener("DOMContentLoaded", noteAll);
  document.addEventListener("htmx:after:swap", noteAll);
  for (const type of ["input", "change"]) document.addEventListener(type, (event) => check(event.target));
}
