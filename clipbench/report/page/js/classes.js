// One classification result, class by class.
"use strict";

function setUpClasses() {
  const results = PAGE.classes;
  document.querySelector('[data-for="classes"]').hidden = !results.length;
  if (!results.length) return;
  byId("classes").hidden = false;
  fillSelect(byId("classes-result"), results.map(({ source, text }) => ({ value: source, text })));
  byId("classes-result").addEventListener("change", drawClasses);
  whenNear(byId("classes"), drawClasses);
}

async function drawClasses() {
  const asked = byId("classes-result").value;
  const { document: result } = await sourceOf(Number(asked));
  if (asked !== byId("classes-result").value) return; // another was chosen since
  const share = (hits, images) => (hits === null || !images ? null : hits / images);
  const percent = (value) => (value === null ? "" : `${(100 * value).toFixed(1)} %`);
  const parts = result.dataset.comparisons > 0; // of comparisons: groups of them, all right
  // with several labels an image no class has hits, but thresholds
  const rows = result.per_class.length
    ? result.per_class
    : result.thresholds.classes.map((c) => ({ ...c, top1: null, top5: null }));
  const columns = [
    { title: parts ? "Part" : "Class", of: (c) => c.name || `(class ${c.index}, empty name)` },
    { title: parts ? "Groups" : "Images", of: (c) => c.images },
    { title: parts ? "Right" : "Top-1", of: (c) => share(c.top1, c.images), text: (c) => percent(share(c.top1, c.images)) },
  ];
  if (rows.some((c) => c.top5 !== null)) {
    columns.push({ title: "Top-5", of: (c) => share(c.top5, c.images), text: (c) => percent(share(c.top5, c.images)) });
  }
  const chosen = new Map((result.thresholds?.classes ?? []).map((c) => [c.index, c]));
  if (chosen.size) {
    const cut = (value) => (value === null ? "" : value.toFixed(4));
    const from = (c) => chosen.get(c.index)?.best.cosine ?? null;
    const strict = (c) => chosen.get(c.index)?.precise.cosine ?? null;
    const f1 = (c) => chosen.get(c.index)?.best.f1 ?? null;
    columns.push(
      { title: "From cosine", of: from, text: (c) => cut(from(c)) },
      { title: "F1", of: f1, text: (c) => percent(f1(c)) },
      { title: `At precision ${result.thresholds.at_precision}`, of: strict, text: (c) => cut(strict(c)) },
    );
  }
  byId("classes-table").replaceChildren(plainTable(columns, rows));
  const named = new Map(rows.map((c) => [c.index, c.name || `(class ${c.index})`]));
  const images = new Map(rows.map((c) => [c.index, c.images]));
  byId("confused-table").replaceChildren(plainTable([
    { title: "Class", of: (p) => named.get(p.label) ?? p.label },
    { title: "Taken for", of: (p) => named.get(p.predicted) ?? p.predicted, name: true },
    { title: "Images", of: (p) => p.count },
    { title: "Share", of: (p) => share(p.count, images.get(p.label)), text: (p) => percent(share(p.count, images.get(p.label))) },
  ], result.confused));
}
