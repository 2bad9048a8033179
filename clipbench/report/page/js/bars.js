// One data set, all models, with intervals, chance and majority.
"use strict";

const FIRST_BARS = 40; // the best, and what is pinned, until all are asked for

function setUpBars() {
  const columns = PAGE.qualities.filter((q) => !q.mean && PAGE.models.some((m) => m.quality[q.key]));
  byId("bars").hidden = !columns.length;
  if (!columns.length) return;
  fillSelect(byId("bars-column"), columns.map((q) => ({ value: q.key, text: q.title, group: q.group })), firstMeasured(columns));
  byId("bars-column").addEventListener("change", drawBars);
  byId("bars-more").addEventListener("click", () => { byId("bars-more").dataset.all = "yes"; drawBars(); });
  whenNear(byId("bars"), () => {
    drawBars();
    new ResizeObserver(afterFrame(drawBars, byId("bars-plot"))).observe(byId("bars-plot"));
  });
}

function drawBars() {
  const column = PAGE.qualities.find((q) => q.key === byId("bars-column").value);
  const all = PAGE.models.filter((m) => m.quality[column.key])
    .map((m) => ({ name: barName(m), kind: m.kind, pinned: pinned.has(m.label), ...m.quality[column.key] }))
    .sort((a, b) => (column.lower ? a.value - b.value : b.value - a.value));
  const more = byId("bars-more");
  const rows = more.dataset.all ? all : all.filter((row, i) => i < FIRST_BARS || row.pinned);
  more.hidden = rows.length === all.length;
  more.textContent = `Show all ${all.length}`;
  const baselines = [["chance", column.chance], ["majority", column.majority]].filter(([, value]) => value);
  byId("bars-plot").replaceChildren(barLegend(rows, baselines), barChart(column, rows, baselines));
}

function barName(model) {
  if (model.kind === "elsewhere") return `${model.label} (${said(model.kind)})`;
  return model.kind === "published" && (PAGE.measured || PAGE.elsewhere) ? `${model.label} (published)` : model.label;
}

function barLegend(rows, baselines) {
  const dashed = baselines.map(([name, value]) => `${name} ${value.toFixed(3)}`).join(", ");
  const made = PAGE.measured || PAGE.elsewhere ? legend(rows) : element("p", { class: "legend" });
  if (dashed) made.append(element("em", {}, `Dashed: ${dashed}`));
  return made;
}

function barChart(column, rows, baselines) {
  const colour = colours();
  const width = Math.max(byId("bars-plot").clientWidth || 600, 300);
  const longest = Math.max(...rows.map((row) => row.name.length));
  return asPicture(Plot.plot({
    width,
    height: rows.length * 22 + 74,
    marginTop: 34,
    marginBottom: 40,
    marginLeft: Math.min(longest * 7.8 + 12, width * 0.48),
    marginRight: 48,
    style: plotStyle(),
    ariaLabel: `${column.title} of ${rows.length} models; the tables below hold the same values`,
    x: { label: column.title, grid: true, domain: [0, extent(rows, baselines)], axis: "both" },
    y: { label: null, domain: rows.map((row) => row.name), tickFormat: (name) => (rows.find((r) => r.name === name).pinned ? "★ " : "") + shorten(name, Math.floor((width * 0.48) / 7.8)) },
    marks: [
      Plot.barX(rows, { y: "name", x: "value", fill: (r) => colour[r.kind], fillOpacity: (r) => (pinned.size && !r.pinned ? 0.4 : 0.75), insetTop: 2, insetBottom: 2 }),
      Plot.ruleY(rows.filter((r) => r.low !== null), { y: "name", x1: "low", x2: "high", stroke: colour.ink, strokeWidth: 1.5 }),
      Plot.ruleX(baselines.map((b) => b[1]), { stroke: colour.ink, strokeDasharray: "4 4" }),
      Plot.text(rows, { y: "name", x: (r) => r.high ?? r.value, text: (r) => r.value.toFixed(3), dx: 6, textAnchor: "start", fill: "currentColor" }),
    ],
  }));
}

// Shares end at 1, ranks do not.
function extent(rows, baselines) {
  const most = Math.max(...rows.map((r) => r.high ?? r.value), ...baselines.map((b) => b[1]));
  return most > 1 ? most * 1.08 : Math.min(1, most * 1.08);
}

function shorten(name, length) {
  return name.length <= length ? name : `…${name.slice(1 - length)}`;
}
