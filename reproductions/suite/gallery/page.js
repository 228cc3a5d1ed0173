"use strict";
// The page can be read without this: it adds the slider, the copying and the search.

const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// How a run grew. The frames are loaded when the player is first used.
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function setUpPlayer(figure) {
  const image = figure.querySelector("img");
  const link = image.parentElement;
  const caption = figure.querySelector("output");
  const slider = figure.querySelector("input");
  const button = figure.querySelector("button");
  const before = image.alt.slice(0, image.alt.length - caption.textContent.length);
  let frames = null;
  let timer = 0;

  function load() {
    if (frames) return;
    frames = JSON.parse(figure.dataset.frames).map(([name, full, words]) => {
      const picture = new Image();
      picture.src = "gallery/" + name;
      return { picture, full, words };
    });
  }

  function show() {
    load();
    const frame = frames[slider.value];
    image.src = frame.picture.src;
    image.alt = before + frame.words;
    link.setAttribute("href", address(frame.full));
    caption.textContent = frame.words;
    slider.setAttribute("aria-valuetext", frame.words);
  }

  // What lies elsewhere than in the run's folder has its whole address.
  const address = (full) => (full.startsWith(".") ? full : figure.dataset.folder + full);

  function stop() {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^Pause/, "Play"));
  }

  function step() {
    slider.stepUp();
    show();
    if (slider.value === slider.max) stop();
  }

  button.addEventListener("click", () => {
    if (timer) return stop();
    if (slider.value === slider.max) slider.value = 0;
    show();
    button.textContent = "Pause";
    button.setAttribute("aria-label", button.getAttribute("aria-label").replace(/^Play/, "Pause"));
    timer = setInterval(step, calm.matches ? 1000 : 250);
  });
  slider.addEventListener("input", () => {
    if (timer) stop();
    show();
  });
  slider.addEventListener("pointerenter", load);
  slider.addEventListener("focus", load);
  figure.querySelector(".player").hidden = false;
}

all(".growth").forEach(setUpPlayer);

// Commands to copy.
async function copy(text, block) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied";
  } catch {
    // Some browsers refuse pages from files: then at least it is selected.
    getSelection().selectAllChildren(block);
    return document.execCommand("copy") ? "Copied" : "Selected";
  }
}

all(".copy").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const block = button.parentElement.querySelector("code");
    button.textContent = await copy(block.textContent, block);
    told.textContent = "The command is " + button.textContent.toLowerCase();
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
});

// The filter and the search.
const nav = document.querySelector("nav");
const told = nav.querySelector("[role=status]");
const search = nav.querySelector("input");
const filters = all(".filters button");
const sections = all("section");
const articles = all("article");
const none = document.querySelector(".none");
const texts = new Map();

function wordsOf(article) {
  if (!texts.has(article)) {
    // Not what stands in <noscript>: that is markup here.
    const parts = all("h3, .facts, figcaption, code, dt, dd, h4", article);
    const heading = article.parentElement.querySelector("h2").textContent;
    const words = parts.map((part) => part.textContent).join(" ");
    texts.set(article, (heading + " " + words).toLowerCase());
  }
  return texts.get(article);
}

function filter() {
  const paper = filters.find((button) => button.getAttribute("aria-pressed") === "true").dataset
    .paper;
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const article of articles) {
    const fits = !paper || article.parentElement.dataset.paper === paper;
    article.hidden = !(fits && words.every((word) => wordsOf(article).includes(word)));
    shown += !article.hidden;
  }
  for (const section of sections) {
    section.hidden = !section.querySelector("article:not([hidden])");
  }
  none.hidden = shown > 0;
  const everything = shown === articles.length && !words.length;
  told.textContent = everything ? "" : `${shown} of ${articles.length} runs shown`;
}

function press(pressed) {
  for (const button of filters) button.setAttribute("aria-pressed", String(button === pressed));
  filter();
}

for (const button of filters) button.addEventListener("click", () => press(button));
search.addEventListener("input", filter);
none.querySelector("button").addEventListener("click", () => {
  search.value = "";
  press(filters[0]);
  search.focus();
});
nav.hidden = articles.length === 0;
