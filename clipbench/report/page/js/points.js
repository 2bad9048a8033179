// Models as points: a quality and a cost each, measured and published kept apart.
"use strict";

const KINDS = ["measured", "published", "elsewhere"];
const SYMBOLS = { measured: "circle", published: "square", elsewhere: "diamond2" };
const said = (kind) => (kind === "elsewhere" ? PAGE.elsewhere : kind);

function pointsOf(quality, cost) {
  return PAGE.models
    .filter((model) => model.quality[quality] && model.cost[cost] !== undefined)
    .map((model) => ({
      model: model.label,
      kind: model.kind,
      device: model.device,
      x: model.cost[cost],
      y: model.quality[quality].value,
      low: model.quality[quality].low,
      high: model.quality[quality].high,
    }));
}

// Those that no other point of the same kind beats in both; best quality first.
function frontier(points, lowerIsBetter) {
  const cheaper = (a, b) => (lowerIsBetter ? a.x - b.x : b.x - a.x);
  const kept = [];
  for (const point of [...points].sort((a, b) => cheaper(a, b) || b.y - a.y)) {
    if (!kept.length || point.y > kept.at(-1).y) kept.push(point);
  }
  return kept.reverse();
}

function within(point, budget, lowerIsBetter) {
  return lowerIsBetter ? point.x <= budget : point.x >= budget;
}

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries([...KINDS, "quiet", "line", "ink"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
};

// One picture with one description; what is in it stands in a table for those who cannot see it.
function asPicture(svg) {
  for (const inner of svg.querySelectorAll("[aria-label], [aria-description]")) {
    inner.removeAttribute("aria-label");
    inner.removeAttribute("aria-description");
  }
  svg.setAttribute("role", "img");
  return svg;
}

function plotStyle() {
  return { background: "transparent", color: "inherit", fontFamily: "inherit", fontSize: "13px" };
}
