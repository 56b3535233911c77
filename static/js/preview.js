// A preview whose rows can be left out or let in: the buttons say how many go, and one field is sent instead of one a row.
{
  const number = new Intl.NumberFormat("en");
  const marked = ":has([name=keep], [name=let])";

  const positionsOut = (form) => [...form.querySelectorAll("[name=keep]")].filter((box) => !box.checked || box.disabled);

  // While a group goes or stays as a whole, each of its rows shows it; after that it is as it was.
  const follow = (box, whole) => {
    if (whole && !box.disabled) {
      box.dataset.own = box.checked ? "ticked" : "";
      box.checked = box.name === "let";
    } else if (!whole && box.disabled) box.checked = box.dataset.own === "ticked";
    box.disabled = whole;
  };

  const update = (form) => {
    let out = 0;
    let added = 0;
    for (const group of form.querySelectorAll(".told")) {
      const whole = group.querySelector("[name=without], [name=let_all]");
      const boxes = [...group.querySelectorAll("[name=keep], [name=let]")];
      for (const box of boxes) follow(box, Boolean(whole?.checked));
      if (group.querySelector("[name=let]")) {
        added += whole?.checked ? Number(whole.dataset.let) : boxes.filter((box) => box.checked).length;
      } else {
        out += whole?.checked ? Number(whole.dataset.without) : boxes.filter((box) => !box.checked).length;
      }
    }
    form.querySelector("[data-fewer]").hidden = out === 0 && added === 0;
    for (const place of form.querySelectorAll("[data-count]")) {
      const left = Number(place.dataset.total) - out + added;
      place.textContent = place.dataset.count.replace("{n}", number.format(left));
      if (place instanceof HTMLButtonElement) {
        place.disabled = left === 0;
        place.title = left === 0 ? "Everything is left out" : "";
      }
    }
  };

  document.addEventListener("change", (event) => {
    const form = event.target.matches("[name=keep], [name=without], [name=let], [name=let_all]") && event.target.closest(`form${marked}`);
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
