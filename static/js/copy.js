// Copies the text of the element that a button names. Where the browser does not let it, the text is selected instead.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy);
  const said = button.nextElementSibling;
  try {
    await navigator.clipboard.writeText(text.textContent);
    said.textContent = "Copied.";
  } catch {
    text.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(text);
    said.textContent = "Selected: copy it with the keyboard.";
  }
});
