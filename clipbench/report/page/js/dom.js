// Small ways to build elements. Text is always set as text: names are not to be trusted.
"use strict";

const byId = (id) => document.getElementById(id);

// The file behind a value and its explanation; read when it is asked for.
function sourceOf(key) {
  return JSON.parse(document.querySelector(`script[data-key="${CSS.escape(key)}"]`).textContent);
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
