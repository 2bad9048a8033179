// The tables come complete from the server; here they learn to sort, filter, group and pin.
"use strict";

const pinned = new Set(); // names of rows, alike in all tables and charts

// order: the rows as they came. column, direction: what they are sorted by.
class Sorting {
  constructor(table) {
    this.table = table;
    this.order = [...table.tBodies[0].rows];
    this.column = 0;
    this.direction = null;
  }

  rows() {
    return sortedRows(this.order, this.column, this.direction);
  }

  arrange() {
    inOrder(this.table.tBodies[0], this.rows());
  }
}

// Moves the rows only where they stand in another order: a long table takes its time.
function inOrder(body, rows) {
  if (rows.length !== body.rows.length || rows.some((row, i) => row !== body.rows[i])) body.replaceChildren(...rows);
}

function makeSortable(table, sorting = new Sorting(table)) {
  const buttons = [...table.querySelectorAll("thead th button")];
  for (const button of buttons) {
    const heading = button.closest("th");
    button.addEventListener("click", () => {
      const before = heading.getAttribute("aria-sort");
      const first = heading.dataset.better === "lower" || heading.dataset.column === "0" ? "ascending" : "descending";
      const other = first === "ascending" ? "descending" : "ascending";
      sorting.direction = before === first ? other : before === other ? null : first;
      for (const { parentElement } of buttons) parentElement.removeAttribute("aria-sort");
      if (sorting.direction) heading.setAttribute("aria-sort", sorting.direction);
      sorting.column = Number(heading.dataset.column ?? [...heading.parentElement.children].indexOf(heading));
      sorting.arrange();
    });
  }
}

function sortedRows(rows, column, direction) {
  if (!direction) return rows;
  const sign = direction === "ascending" ? 1 : -1;
  const key = (row) => row.cells[column].dataset.value || row.cells[column].dataset.stated || "";
  const source = (row) => Number(row.cells[column].dataset.rank ?? 0);
  return [...rows].sort((a, b) => {
    const [one, other] = [key(a), key(b)];
    if (one === "" || other === "") return (one === "") - (other === ""); // blanks always last
    if (source(a) !== source(b)) return source(a) - source(b); // sources are never mixed
    const [x, y] = [Number(one), Number(other)];
    return sign * (Number.isNaN(x) || Number.isNaN(y) ? one.localeCompare(other) : x - y);
  });
}

// A table of results: pinned rows stay on top and in sight, the others may stand by family.
class Results extends Sorting {
  constructor(table) {
    super(table);
    this.measured = PAGE.measured && table.dataset.measured === "yes";
    this.nameOf = (row) => row.cells[0].dataset.value;
    for (const row of this.order) {
      row.words = `${this.nameOf(row)} ${row.dataset.family}`.toLowerCase();
      row.cells[0].prepend(element("button", { type: "button", class: "pin", "aria-label": `Pin ${this.nameOf(row)}` }));
    }
  }

  // Which rows are in sight; how many.
  filter(words) {
    const onlyRows = this.measured && byId("only-rows").checked;
    for (const row of this.order) {
      const held = pinned.has(this.nameOf(row));
      const found = words.every((word) => row.words.includes(word)) && !(onlyRows && row.dataset.measured !== "yes");
      row.hidden = !(held || (found && !byId("only-pinned").checked));
    }
    this.arrange();
    return this.order.filter((row) => !row.hidden).length;
  }

  arrange() {
    const body = this.table.tBodies[0];
    const rows = this.rows();
    const top = rows.filter((row) => pinned.has(this.nameOf(row)));
    for (const row of rows) {
      const held = pinned.has(this.nameOf(row));
      if (row.held === held) continue;
      row.held = held;
      row.classList.toggle("pinned", held);
      const button = row.cells[0].firstElementChild;
      button.textContent = held ? "★" : "☆";
      button.setAttribute("aria-pressed", String(held));
    }
    const rest = top.length ? rows.filter((row) => !top.includes(row)) : rows;
    inOrder(body, [...top, ...(byId("grouped").checked ? this.byFamily(rest) : rest)]);
  }

  byFamily(rows) {
    const groups = Map.groupBy(rows, (row) => row.dataset.family);
    return [...groups].flatMap(([family, members]) => {
      const shown = members.filter((row) => !row.hidden).length;
      const heading = element("tr", { class: "family", hidden: !shown },
        element("th", { scope: "rowgroup" }, `${family} (${shown})`),
        element("td", { colspan: this.order[0].cells.length - 1 }));
      return [heading, ...members];
    });
  }
}

function setUpTables() {
  const tables = [...document.querySelectorAll("table.results")].filter((table) => table.tBodies[0].rows.length).map((table) => new Results(table));
  for (const results of tables) makeSortable(results.table, results);
  for (const link of document.querySelectorAll("nav [data-for]")) link.hidden = !byId(link.dataset.for);
  const controls = document.querySelector(".tables-controls");
  controls.hidden = false;
  for (const label of controls.querySelectorAll("[data-measured]")) label.hidden = !PAGE.measured;
  const showRows = () => {
    const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0, total = 0;
    for (const results of tables) {
      shown += results.filter(words);
      total += results.order.length;
      showNotes(results.table);
    }
    byId("filter-count").textContent = `${shown} of ${total} rows`;
  };
  const apply = () => {
    for (const results of tables) {
      showColumns(results, results.measured && byId("only-columns").checked);
      results.table.classList.toggle("no-beside", PAGE.measured && !byId("beside").checked);
    }
    showRows();
  };
  byId("filter").addEventListener("input", showRows);
  for (const id of ["grouped", "only-pinned"]) byId(id).addEventListener("change", showRows);
  for (const id of ["only-rows", "only-columns", "beside"]) byId(id).addEventListener("change", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.pin");
    if (!button) return;
    const name = button.closest("th").dataset.value;
    if (!pinned.delete(name)) pinned.add(name);
    byId("only-pinned").disabled = !pinned.size;
    byId("only-pinned").checked &&= pinned.size > 0;
    showRows();
    button.focus();
    redraw();
  });
  apply();
}

// Only the footnotes that a visible mark refers to.
function showNotes(table) {
  const used = new Set([...table.querySelectorAll("sup a")].filter((a) => !a.closest("[hidden]")).map((a) => a.hash.slice(1)));
  for (const note of table.closest("section").querySelectorAll(".notes li")) note.hidden = !used.has(note.id);
  const beside = table.closest("section").querySelector('[data-key="beside"]');
  const seen = () => [...table.querySelectorAll(".published-beside")].some((span) => !span.closest("[hidden]"));
  if (beside) beside.hidden = table.classList.contains("no-beside") || !seen();
}

// Hide the columns in which no row of the table has a measured value.
function showColumns({ table, order }, onlyMeasured) {
  const titles = [...table.querySelectorAll("thead th[data-column]")].filter((th) => th.dataset.column !== "0");
  for (const title of titles) {
    const column = Number(title.dataset.column);
    const hidden = onlyMeasured && title.dataset.measured !== "yes";
    if (title.hidden === hidden) continue;
    title.hidden = hidden;
    for (const row of order) row.cells[column].hidden = hidden;
  }
  for (const group of table.querySelectorAll("thead [data-columns]")) {
    const inside = titles.filter((title) => group.dataset.columns.split(" ").includes(title.dataset.column) && !title.hidden);
    group.hidden = inside.length === 0;
    if (inside.length) group.colSpan = inside.length;
  }
  const groups = table.tHead.rows.length > 1 ? table.tHead.rows[0] : null;
  if (groups) groups.hidden = ![...groups.querySelectorAll("th")].some((th) => !th.hidden);
}
