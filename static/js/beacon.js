// The tab tells from afar how the workspace is: its icon has a dot while a run goes on and is red when something needs a
// person, its title says how far a run is. Both stand in the page's live parts (data-icon, data-title).
document.addEventListener("DOMContentLoaded", () => {
  const icon = document.querySelector("link[rel=icon]");
  const tell = () => {
    const told = document.querySelector("[data-icon]")?.dataset.icon;
    const href = icon.dataset[told];
    if (href && icon.getAttribute("href") !== href) icon.setAttribute("href", href);
    const title = document.querySelector("[data-title]")?.dataset.title;
    if (title && document.title !== title) document.title = title;
  };
  tell();
  new MutationObserver(tell).observe(document.body, {
    subtree: true,
    childList: true,
    attributeFilter: ["data-icon", "data-title"],
  });
});
