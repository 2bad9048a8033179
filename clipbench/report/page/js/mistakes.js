// The documents that models got wrong, side by side for two of them.
"use strict";

function setUpMistakes() {
  document.querySelector('[data-for="mistakes"]').hidden = !PAGE.mistakes.length;
  if (!PAGE.mistakes.length) return;
  byId("mistakes").hidden = false;
  fillSelect(byId("mistakes-set"), PAGE.mistakes.map((set, i) => ({ value: String(i), text: set.title })));
  byId("mistakes-set").addEventListener("change", chooseSet);
  for (const id of ["mistakes-a", "mistakes-b", "mistakes-show"]) byId(id).addEventListener("change", drawMistakes);
  chooseSet();
}

function chooseSet() {
  const set = PAGE.mistakes[Number(byId("mistakes-set").value)];
  const options = set.models.map((model, i) => ({ value: String(i), text: model }));
  fillSelect(byId("mistakes-a"), options, "0");
  fillSelect(byId("mistakes-b"), options, String(Math.min(1, options.length - 1)));
  drawMistakes();
}

const FIRST = 24;

const SHOWN = {
  any: (a, b) => a.wrong || b.wrong,
  both: (a, b) => a.wrong && b.wrong,
  a: (a, b) => a.wrong && !b.wrong,
  b: (a, b) => !a.wrong && b.wrong,
};

function drawMistakes() {
  const set = PAGE.mistakes[Number(byId("mistakes-set").value)];
  const [a, b] = ["mistakes-a", "mistakes-b"].map((id) => Number(byId(id).value));
  const test = SHOWN[byId("mistakes-show").value];
  const shown = set.documents.filter((doc) => doc.answers[a] && doc.answers[b] && test(doc.answers[a], doc.answers[b]));
  byId("mistakes-count").textContent = `${shown.length} of the ${set.documents.length} selected documents; ${set.wrong} of ${set.total} are wrong for at least one model.`;
  const more = byId("mistakes-more");
  more.hidden = shown.length <= FIRST;
  more.textContent = `Show all ${shown.length}`;
  more.onclick = () => { more.hidden = true; list(shown); };
  const list = (documents) => byId("mistakes-list").replaceChildren(...documents.map((doc) => card(doc, set, a, b)));
  list(shown.slice(0, FIRST));
}

function card(doc, set, a, b) {
  const sides = a === b ? [[set.models[a], doc.answers[a]]] : [[set.models[a], doc.answers[a]], [set.models[b], doc.answers[b]]];
  const terms = [];
  if (doc.truth) terms.push(element("dt", {}, "Label"), element("dd", {}, doc.truth));
  for (const [model, answer] of sides) {
    terms.push(element("dt", {}, model), element("dd", { class: answer.wrong ? "wrong" : "right" }, answer.text));
  }
  const image = doc.image ? element("img", { src: doc.image, alt: doc.truth || doc.text || `document ${doc.id}`, loading: "lazy" }) : null;
  const text = doc.text ? element("p", {}, `“${doc.text}”`) : null;
  return element("li", {}, image, text, element("small", {}, doc.id), element("dl", {}, ...terms));
}
