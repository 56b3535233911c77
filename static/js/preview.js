// A preview whose rows can be left out: the buttons say how many are left, and one field is sent instead of one a row.
{
  const number = new Intl.NumberFormat("en");
  const marked = ":has([name=keep])";

  const positionsOut = (form) => [...form.querySelectorAll("[name=keep]")].filter((box) => !box.checked || box.disabled);

  const update = (form) => {
    let out = 0;
    for (const group of form.querySelectorAll(".told")) {
      const whole = group.querySelector("[name=without]");
      const boxes = [...group.querySelectorAll("[name=keep]")];
      for (const box of boxes) box.disabled = Boolean(whole?.checked);
      out += whole?.checked ? Number(whole.dataset.without) : boxes.filter((box) => !box.checked).length;
    }
    form.querySelector("[data-fewer]").hidden = out === 0;
    for (const place of form.querySelectorAll("[data-count]")) {
      const left = Number(place.dataset.total) - out;
      place.textContent = place.dataset.count.replace("{n}", number.format(left));
      if (place instanceof HTMLButtonElement) {
        place.disabled = left === 0;
        place.title = left === 0 ? "Everything is left out" : "";
      }
    }
  };

  document.addEventListener("change", (event) => {
    const form = event.target.matches("[name=keep], [name=without]") && event.target.closest(`form${marked}`);
    if (form) update(form);
  });
  // More rows of a group that is left out as a whole.
  document.addEventListener("htmx:after:swap", () => document.querySelectorAll(`form${marked}`).forEach(update));
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches(`form${marked}`)) return;
    const out = positionsOut(event.target).map((box) => box.value);
    event.formData.delete("keep");
    event.formData.delete("offered");
    event.formData.set("left", out.join(","));
  });
}
