// An error beside a field goes when the field is right: when it holds something else than what was refused, and
// neither the browser nor the field's hints (`forms.hints`) find anything wrong with that. It comes back with what is
// wrong. The server decides; this takes away only what it said before.
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

  const errorOf = (field) => {
    const names = (field.getAttribute("aria-describedby") ?? "").split(/\s+/);
    return names.map((name) => document.getElementById(name)).find((found) => found?.classList.contains("wrong"));
  };
  const note = (field) => {
    const error = errorOf(field);
    if (error && refused.get(field)?.error !== error) refused.set(field, { value: valueOf(field), error, parent: error.parentElement });
  };
  const noteAll = () => {
    for (const field of document.querySelectorAll('[aria-invalid="true"]')) note(field);
  };

  const fits = (field) => {
    const { pattern, least, most, same } = field.dataset;
    const typed = field.value;
    if (same) return typed === field.form?.elements[same]?.value;
    if (!typed) return true; // where it must not be empty, the browser knows
    const measured = field.type === "date" ? (bound) => [typed, bound] : (bound) => [Number(typed), Number(bound)];
    const [above, below] = [measured(least), measured(most)];
    return (
      (!pattern || new RegExp(`^(?:${pattern})$`).test(typed.trim())) &&
      (least === undefined || above[0] >= above[1]) &&
      (most === undefined || below[0] <= below[1])
    );
  };

  const check = (field) => {
    const held = refused.get(field);
    if (!held) return;
    const wrong = valueOf(field) === held.value || !field.validity.valid || !fits(field);
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
  for (const type of ["input", "change"]) {
    document.addEventListener(type, ({ target }) => {
      for (const field of target.form?.elements ?? [target]) if (field === target || field.dataset.same === target.name) check(field);
    });
  }
}
