// One classification result, class by class.
"use strict";

function setUpClasses() {
  const results = PAGE.classes;
  document.querySelector('[data-for="classes"]').hidden = !results.length;
  if (!results.length) return;
  byId("classes").hidden = false;
  fillSelect(byId("classes-result"), results.map(({ key, text }) => ({ value: key, text })));
  byId("classes-result").addEventListener("change", drawClasses);
  drawClasses();
}

function drawClasses() {
  const result = sourceOf(byId("classes-result").value).document;
  const share = (hits, images) => (hits === null || !images ? null : hits / images);
  const percent = (value) => (value === null ? "" : `${(100 * value).toFixed(1)} %`);
  const parts = result.dataset.comparisons > 0; // of comparisons: groups of them, all right
  const columns = [
    { title: parts ? "Part" : "Class", of: (c) => c.name || `(class ${c.index}, empty name)` },
    { title: parts ? "Groups" : "Images", of: (c) => c.images },
    { title: parts ? "Right" : "Top-1", of: (c) => share(c.top1, c.images), text: (c) => percent(share(c.top1, c.images)) },
  ];
  if (result.per_class.some((c) => c.top5 !== null)) {
    columns.push({ title: "Top-5", of: (c) => share(c.top5, c.images), text: (c) => percent(share(c.top5, c.images)) });
  }
  byId("classes-table").replaceChildren(plainTable(columns, result.per_class));
  const named = new Map(result.per_class.map((c) => [c.index, c.name || `(class ${c.index})`]));
  const images = new Map(result.per_class.map((c) => [c.index, c.images]));
  byId("confused-table").replaceChildren(plainTable([
    { title: "Class", of: (p) => named.get(p.label) ?? p.label },
    { title: "Taken for", of: (p) => named.get(p.predicted) ?? p.predicted, name: true },
    { title: "Images", of: (p) => p.count },
    { title: "Share", of: (p) => share(p.count, images.get(p.label)), text: (p) => percent(share(p.count, images.get(p.label))) },
  ], result.confused));
}
