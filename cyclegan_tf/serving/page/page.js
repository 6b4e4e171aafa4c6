// The upload page: images come in by button, camera, drop or paste, and take turns.

import { Card } from "./card.js";
import { chosen, load } from "./choices.js";

const UPLOADS = 2; // at a time, so that many images do not fill the server's queue

const byId = (id) => document.getElementById(id);
const cards = [];
let running = 0;

function add(files) {
  if (!chosen()) return;
  const added = [...files].map((file) => new Card(file, startNext, forget));
  byId("cards").prepend(...added.map((card) => card.item));
  cards.push(...added);
  for (const card of added) card.enqueue();
  added[0]?.item.scrollIntoView({ block: "nearest" }); // on a phone they are further down
}

function startNext() {
  const card = running < UPLOADS && cards.find(({ state }) => state === "waiting");
  if (!card) return;
  running++;
  card.run().finally(() => {
    running--;
    startNext();
  });
  startNext();
}

/** Takes a card off the page; the keyboard goes on at its neighbour, as its button is gone. */
function forget(card) {
  const next = card.item.nextElementSibling ?? card.item.previousElementSibling;
  cards.splice(cards.indexOf(card), 1);
  card.item.remove();
  (next?.querySelector(".remove") ?? byId("file")).focus();
}

function takeFiles(picker) {
  picker.onchange = () => {
    add(picker.files);
    picker.value = ""; // so that the same file can be chosen again
  };
}

/** The whole page takes what is dropped: else the browser would leave it to show the file. */
function takeDrops() {
  const mark = (over) => byId("drop").classList.toggle("over", over);
  const takes = (event, over) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    mark(over);
  };
  addEventListener("dragover", (event) => takes(event, true));
  addEventListener("dragleave", (event) => event.relatedTarget ?? mark(false));
  addEventListener("drop", (event) => {
    takes(event, false);
    add(event.dataTransfer.files);
  });
}

document.documentElement.classList.add("scripted");
document.forms[0].onsubmit = (event) => event.preventDefault();
byId("file").multiple = true;
takeFiles(byId("file"));
takeFiles(byId("camera"));
takeDrops();
addEventListener("paste", (event) => add(event.clipboardData.files));
load(() => cards.forEach((card) => card.nameAgain()));
