// Puts the page together.
"use strict";

const PAGE = JSON.parse(byId("data").textContent);
for (const cost of PAGE.costs) {
  cost.text = (value) => `${value.toLocaleString("en", { maximumFractionDigits: cost.digits })} ${cost.unit}`;
}

function setUpProvenance() {
  const dialog = byId("provenance");
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-source]");
    if (!button) return;
    const { key, document: file, words: said } = await sourceOf(Number(button.dataset.source));
    const words = said.split("\n\n").filter(Boolean);
    byId("provenance-words").replaceChildren(element("p", {}, element("code", {}, key)), ...words.map((text) => element("p", {}, text)));
    byId("provenance-json").textContent = JSON.stringify(file, null, 2);
    dialog.showModal();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

function setUpTheme() {
  const button = byId("theme");
  const root = document.documentElement;
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
    redraw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { show(); redraw(); });
  show();
}

function redraw() {
  if (!byId("choose").hidden) drawChoose();
  if (!byId("bars").hidden) drawBars();
}

setUpTheme();
setUpTables();
setUpChoose();
setUpBars();
setUpClasses();
setUpMistakes();
setUpProvenance();
document.documentElement.dataset.ready = "yes";
