// Small ways to build elements. Text is always set as text: names are not to be trusted.
"use strict";

const byId = (id) => document.getElementById(id);

const blocks = new Map(); // of the files behind values, as promises of lists

// The file behind a value, its key and its explanation: {key, document, words}. Read when it is asked for.
async function sourceOf(number) {
  const block = Math.floor(number / PAGE.perBlock);
  if (!blocks.has(block)) blocks.set(block, unpacked(byId(`sources-${block}`).textContent));
  return (await blocks.get(block))[number % PAGE.perBlock];
}

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// Calls `draw` once, when the section comes near to the part in sight, or is to be printed.
function whenNear(section, draw) {
  let waiting = true;
  const now = () => { if (waiting) { waiting = false; draw(); } };
  const seen = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) { seen.disconnect(); now(); } }, { rootMargin: "50%" });
  seen.observe(section);
  addEventListener("beforeprint", now);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function fillSelect(select, options, chosen) {
  const groups = new Map();
  select.replaceChildren();
  for (const { value, text, group } of options) {
    let parent = select;
    if (group) {
      if (!groups.has(group)) {
        groups.set(group, element("optgroup", { label: group }));
        select.append(groups.get(group));
      }
      parent = groups.get(group);
    }
    parent.append(element("option", { value, selected: value === chosen }, text));
  }
}

// A table of plain values. columns: {title, of: row => value, text?: row => string, name?: bool}
function plainTable(columns, rows, caption) {
  const table = element("table", {}, caption ? element("caption", { class: "hint" }, caption) : null);
  const head = columns.map((column) =>
    element("th", { scope: "col", class: column.name ? "words" : null }, column.sortable === false ? column.title : element("button", { type: "button" }, column.title)));
  table.append(element("thead", {}, element("tr", {}, ...head)));
  const body = element("tbody");
  for (const row of rows) {
    const cells = columns.map((column, i) => {
      const value = column.of(row);
      const text = column.text ? column.text(row) : String(value ?? "");
      return i === 0 ? element("th", { scope: "row", "data-value": value }, text) : element("td", { "data-value": value, class: column.name ? "name" : null }, text);
    });
    body.append(element("tr", {}, ...cells));
  }
  table.append(body);
  makeSortable(table);
  return table;
}
