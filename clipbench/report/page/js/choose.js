// Quality against cost, with a budget: the Pareto scatter.
"use strict";

function setUpChoose() {
  const usable = PAGE.qualities.filter((q) => !q.lower && PAGE.costs.some((c) => pointsOf(q.key, c.key).length));
  byId("choose").hidden = !usable.length;
  if (!usable.length) return;
  fillSelect(byId("choose-quality"), usable.map((q) => ({ value: q.key, text: q.title, group: q.group })), firstMeasured(usable));
  const known = PAGE.costs.find((c) => pointsOf(byId("choose-quality").value, c.key).length);
  fillSelect(byId("choose-cost"), PAGE.costs.map((c) => ({ value: c.key, text: c.title })), known?.key);
  byId("choose-quality").addEventListener("change", () => resetBudget());
  byId("choose-cost").addEventListener("change", () => resetBudget());
  byId("budget").addEventListener("input", drawChoose);
  byId("choose-table").parentElement.addEventListener("toggle", drawChoose);
  resetBudget();
  new ResizeObserver(afterFrame(drawChoose, byId("choose-plot"))).observe(byId("choose-plot"));
}

function firstMeasured(qualities) {
  return qualities.find((q) => PAGE.models.some((m) => m.kind === "measured" && m.quality[q.key]))?.key;
}

// Draws anew when the figure, which is drawn, has another width.
function afterFrame(draw, figure) {
  let waiting = false;
  let width = figure.clientWidth;
  return (entries) => {
    const now = Math.round(entries[0].contentRect.width);
    if (waiting || now === width) return;
    waiting = true;
    width = now;
    requestAnimationFrame(() => { waiting = false; draw(); });
  };
}

function chosen() {
  const cost = PAGE.costs.find((c) => c.key === byId("choose-cost").value);
  const quality = PAGE.qualities.find((q) => q.key === byId("choose-quality").value);
  const points = pointsOf(quality.key, cost.key);
  const steps = [...new Set(points.map((p) => p.x))].sort((a, b) => (cost.lower ? a - b : b - a));
  return { cost, quality, points, steps };
}

function resetBudget() {
  const { steps } = chosen();
  const slider = byId("budget");
  slider.max = Math.max(steps.length - 1, 0);
  slider.value = slider.max;
  drawChoose();
}

function drawChoose() {
  const { cost, quality, points, steps } = chosen();
  const slider = byId("budget");
  const budget = steps[Number(slider.value)];
  const all = Number(slider.value) >= steps.length - 1; // also where no model has this cost
  const words = all ? "any" : `${cost.lower ? "at most" : "at least"} ${cost.text(budget)}`;
  byId("budget-name").textContent = `Budget: ${cost.title}`;
  byId("budget-value").textContent = words;
  slider.setAttribute("aria-valuetext", words);
  for (const point of points) point.inside = points.length && within(point, budget, cost.lower);
  const inside = points.filter((p) => p.inside);
  const fronts = KINDS.map((kind) => frontier(inside.filter((p) => p.kind === kind), cost.lower)).filter((f) => f.length);
  byId("choose-plot").replaceChildren(legend(points), scatter({ cost, quality, points, fronts, budget, all }));
  byId("choose-answer").replaceChildren(...fronts.map((front) => answer(front, cost, quality, points)));
  const table = byId("choose-table");
  if (table.parentElement.open) table.replaceChildren(chooseTable(inside, cost, quality, fronts.flat()));
}

function legend(points) {
  const kinds = KINDS.filter((kind) => points.some((p) => p.kind === kind));
  const text = (kind) => (kind === "published" ? `published (${PAGE.publishedDevice})` : said(kind));
  return element("p", { class: "legend" }, ...kinds.map((kind) => element("span", { class: kind }, text(kind))));
}

function scatter({ cost, quality, points, fronts, budget, all }) {
  const colour = colours();
  const width = Math.max(byId("choose-plot").clientWidth || 600, 300);
  const marked = points.filter((p) => pinned.has(p.model));
  const labelled = spaced(points, fronts.flat(), marked, cost.log ? Math.log : Number);
  const fill = (p) => colour[p.kind];
  return asPicture(Plot.plot({
    width,
    height: Math.min(460, Math.max(320, width * 0.5)),
    marginRight: 30,
    inset: 18,
    marginTop: 34,
    marginBottom: 42,
    style: plotStyle(),
    ariaLabel: `${quality.title} against ${cost.title}: ${points.length} models, listed in the table below the chart`,
    x: { label: cost.title, grid: true, reverse: !cost.lower, type: cost.log ? "log" : "linear", ticks: width < 500 ? 4 : 7, tickFormat: "~s", nice: true },
    y: { label: quality.title, grid: true, nice: true },
    marks: [
      all ? null : Plot.ruleX([budget], { stroke: colour.ink, strokeDasharray: "4 4" }),
      ...fronts.map((front) => Plot.line(front, { x: "x", y: "y", stroke: fill(front[0]), strokeWidth: 2, curve: "step-before", strokeOpacity: 0.8 })),
      Plot.dot(points, {
        x: "x", y: "y", r: 5, fill, symbol: (p) => SYMBOLS[p.kind],
        fillOpacity: (p) => (p.inside ? 0.9 : 0.2), stroke: fill, strokeOpacity: (p) => (p.inside ? 1 : 0.35),
        channels: { Model: "model", Figures: (p) => said(p.kind) },
        tip: { format: { x: (x) => cost.text(x), y: (y) => y.toFixed(3), symbol: false, fillOpacity: false, strokeOpacity: false, fill: false, stroke: false } },
      }),
      Plot.dot(marked, { x: "x", y: "y", r: 9, stroke: "currentColor", strokeWidth: 2 }),
      ...(width < 560 ? [] : names(labelled, points, !cost.lower, cost.log ? Math.log : Number)),
    ],
  }));
}

// At the edges a name grows inwards.
function names(labelled, points, reversed, scale) {
  const xs = points.map((p) => scale(p.x));
  const [low, high] = [Math.min(...xs), Math.max(...xs)];
  const side = (p) => {
    const share = (scale(p.x) - low) / (high - low || 1);
    const place = reversed ? 1 - share : share;
    return place < 0.1 ? "start" : place > 0.9 ? "end" : "middle";
  };
  return ["start", "middle", "end"].map((textAnchor) => Plot.text(labelled.filter((p) => side(p) === textAnchor), {
    x: "x", y: "y", text: (p) => p.model.replace("::", " "), dy: -12, fill: "currentColor", fontSize: 11, textAnchor,
    stroke: "var(--paper)", strokeWidth: 4,
  }));
}

// The marked points, and those of the frontier whose names would not run into each other: at most six.
function spaced(points, front, marked, scale) {
  const kept = [...marked];
  const xs = points.map((p) => scale(p.x)), ys = points.map((p) => p.y);
  const [spanX, spanY] = [Math.max(...xs) - Math.min(...xs) || 1, Math.max(...ys) - Math.min(...ys) || 1];
  for (const point of front) {
    const clear = kept.every((k) => Math.abs(scale(k.x) - scale(point.x)) / spanX > 0.28 || Math.abs(k.y - point.y) / spanY > 0.12);
    if (clear && kept.length < marked.length + 6) kept.push(point);
  }
  return kept;
}

function answer(front, cost, quality, points) {
  const best = front[0];
  const near = front.slice(1).filter((p) => p.high !== null && best.low !== null && p.high >= best.low);
  const others = points.filter((p) => p.inside && p.kind === best.kind && p !== best && p.high >= best.low);
  const says = `${{ published: "Published", measured: "Measured" }[best.kind] ?? said(best.kind)}: within this budget ${best.model} has the best ${quality.title.replace(/^Mean/, "mean")} (${best.y.toFixed(3)}) at ${cost.text(best.x)}.`;
  const cheaper = near.length ? ` ${near.at(-1).model} cannot be told from it by its interval, at ${cost.text(near.at(-1).x)}.` : "";
  const close = !cheaper && others.length ? ` No clear winner: ${others.length} other ${others.length === 1 ? "model's interval overlaps" : "models' intervals overlap"} it.` : "";
  return element("span", { style: "display:block" }, says + cheaper + close);
}

function chooseTable(points, cost, quality, front) {
  const rows = [...points].sort((a, b) => b.y - a.y);
  return plainTable([
    { title: "Model", of: (p) => p.model },
    { title: "Figures", of: (p) => said(p.kind) },
    { title: quality.title, of: (p) => p.y, text: (p) => p.y.toFixed(3) },
    { title: cost.title, of: (p) => p.x, text: (p) => cost.text(p.x) },
    { title: "On the line", of: (p) => (front.includes(p) ? "yes" : "") },
  ], rows);
}
