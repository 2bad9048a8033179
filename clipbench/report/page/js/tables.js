// The tables come complete from the server; here they learn to sort and to filter.
"use strict";

function makeSortable(table) {
  const buttons = [...table.querySelectorAll("thead th button")];
  const order = [...table.tBodies[0].rows];
  for (const button of buttons) {
    const heading = button.closest("th");
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const first = heading.dataset.better === "lower" || heading.dataset.column === "0" ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      const next = before === first ? other : before === other ? null : first;
      for (const { parentElement } of buttons) parentElement.removeAttribute("aria-sort");
      if (next) heading.setAttribute("aria-sort", next);
      const column = Number(heading.dataset.column ?? [...heading.parentElement.children].indexOf(heading));
      table.tBodies[0].append(...sortedRows(order, column, next));
    });
  }
}

function sortedRows(rows, column, direction) {
  if (!direction) return rows;
  const sign = direction === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.value ?? "";
  return [...rows].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    if (one === "" || other === "") return (one === "") - (other === ""); // blanks always last
    const [x, y] = [Number(one), Number(other)];
    return sign * (Number.isNaN(x) || Number.isNaN(y) ? one.localeCompare(other) : x - y);
  });
}

function setUpTables() {
  const tables = [...document.querySelectorAll("table.results")];
  tables.forEach(makeSortable);
  for (const link of document.querySelectorAll("nav [data-for]")) link.hidden = !byId(link.dataset.for);
  const controls = document.querySelector(".tables-controls");
  controls.hidden = false;
  for (const label of controls.querySelectorAll("[data-measured]")) label.hidden = !PAGE.measured;
  const apply = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, total = 0;
    for (const table of tables) {
      const onlyRows = PAGE.measured && byId("only-rows").checked && table.dataset.measured === "yes";
      for (const row of table.tBodies[0].rows) {
        const name = row.cells[0].textContent.toLowerCase();
        row.hidden = !words.every((word) => name.includes(word)) || (onlyRows && row.dataset.measured !== "yes");
        shown += !row.hidden;
        total += 1;
      }
      showColumns(table, PAGE.measured && byId("only-columns").checked && table.dataset.measured === "yes");
      table.classList.toggle("no-beside", PAGE.measured && !byId("beside").checked);
      showNotes(table);
    }
    byId("filter-count").textContent = `${shown} of ${total} rows`;
  };
  byId("filter").addEventListener("input", apply);
  for (const id of ["only-rows", "only-columns", "beside"]) byId(id).addEventListener("change", apply);
  apply();
}

// Only the footnotes that a visible mark refers to.
function showNotes(table) {
  const used = new Set([...table.querySelectorAll("sup a")].filter((a) => !a.closest("[hidden]")).map((a) => a.hash.slice(1)));
  for (const note of table.closest("section").querySelectorAll(".notes li")) note.hidden = !used.has(note.id);
  const beside = table.closest("section").querySelector('[data-key="beside"]');
  if (beside) beside.hidden = ![...table.querySelectorAll(".published-beside")].some((span) => span.offsetParent);
}

// Hide the columns in which no row of the table has a measured value.
function showColumns(table, onlyMeasured) {
  const titles = [...table.querySelectorAll("thead th[data-column]")].filter((th) => th.dataset.column !== "0");
  for (const title of titles) {
    const column = Number(title.dataset.column);
    const hidden = onlyMeasured && title.dataset.measured !== "yes";
    title.hidden = hidden;
    for (const row of table.tBodies[0].rows) row.cells[column].hidden = hidden;
  }
  for (const group of table.querySelectorAll("thead [data-columns]")) {
    const inside = titles.filter((title) => group.dataset.columns.split(" ").includes(title.dataset.column) && !title.hidden);
    group.hidden = inside.length === 0;
    if (inside.length) group.colSpan = inside.length;
  }
  const groups = table.tHead.rows.length > 1 ? table.tHead.rows[0] : null;
  if (groups) groups.hidden = ![...groups.querySelectorAll("th")].some((th) => !th.hidden);
}
