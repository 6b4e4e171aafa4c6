// The upload page. Every picture is a card: it waits its turn, is uploaded, translated, compared.

const UPLOADS = 2; // at a time, so that many pictures do not fill the server's queue
const RETRIES = 4; // when the server is busy
const SUFFIXES = {
  "image/png": [".png"],
  "image/jpeg": [".jpg", ".jpeg", ".jpe", ".jfif"],
  "image/webp": [".webp"],
};
const GONE = "The server cannot be reached. Check the connection, then try again.";

const byId = (id) => document.getElementById(id);
const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

let choices = []; // every direction of every model, as /models tells them
let limits = {};
let running = 0;
const cards = [];

// --- What can be chosen -------------------------------------------------------------------------

async function loadModels() {
  try {
    const answer = await fetch("models", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The list of models did not come: error ${answer.status}.`);
    const told = await answer.json();
    limits = told.limits;
    choices = told.models.flatMap((model) =>
      model.directions.map((direction) => ({ ...direction, model: model.id })),
    );
    if (!choices.length) throw new Error("There is no model on this server yet.");
    showChoices();
  } catch (error) {
    // fetch says TypeError where the network is gone, json() SyntaxError at half an answer
    const plain = error.constructor === Error;
    byId("no-models-why").textContent = plain ? error.message : GONE;
    enable(false);
  }
}

function enable(ready) {
  byId("no-models").hidden = ready;
  byId("models").hidden = !ready;
  for (const id of ["choice", "file", "camera"]) byId(id).disabled = !ready;
}

function showChoices() {
  byId("choice").replaceChildren(...choices.map((choice, i) => new Option(nameOf(choice), i)));
  const size = megabytes(limits.bytes);
  byId("limits").textContent = `PNG, JPEG, WebP, TIFF or BMP, up to ${size} each`;
  enable(true);
  showChoice();
}

/** The title, and as much more as tells it from the others. */
function nameOf(choice) {
  const same = choices.filter((other) => other.title === choice.title);
  if (same.length === 1) return choice.title;
  const alike = same.filter((other) => other.note === choice.note);
  return [choice.title, choice.note, alike.length > 1 && choice.model].filter(Boolean).join(" · ");
}

function chosen() {
  return choices[byId("choice").value];
}

function showChoice() {
  const choice = chosen();
  const size = choice.size && `made for ${choice.size[1]} × ${choice.size[0]} pixels`;
  byId("note").textContent = [choice.note, size].filter(Boolean).join(" · ");
  byId("cycle-label").hidden = !choice.cycles;
  for (const side of ["source", "target"]) {
    const figure = byId(`example-${side}`);
    const image = figure.querySelector("img");
    figure.querySelector("figcaption").textContent = choice[side];
    image.alt = `Example: ${choice[side]}`;
    image.hidden = !choice.examples[side];
    image.onerror = () => (image.hidden = true);
    if (choice.examples[side]) image.src = choice.examples[side];
  }
  for (const card of cards) card.nameAgain();
}

// --- One picture --------------------------------------------------------------------------------

class Card {
  constructor(file) {
    this.file = file;
    this.urls = {}; // of the original, the result, and the way there and back
    this.item = byId("card").content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find(".name").title = file.name;
    this.find("progress").ariaLabel = `Progress of ${file.name}`;
    this.find(".slider").ariaLabel = `How much of the original is seen, ${file.name}`;
    this.find(".remove").ariaLabel = `Remove ${file.name}`;
    this.find(".remove").onclick = () => this.remove();
    this.find(".again").onclick = () => this.enqueue();
    this.find(".there").onclick = () => this.view("result");
    this.find(".back").onclick = () => this.view("cycled");
    this.find(".before").onload = () => this.measure();
    this.listenToSlider();
  }

  find(selector) {
    return this.item.querySelector(selector);
  }

  show(state, text) {
    this.item.dataset.state = state;
    this.find(".state").textContent = text;
    this.nameAgain();
  }

  get state() {
    return this.item.dataset.state;
  }

  /** Waits its turn, with what is chosen now. */
  enqueue() {
    if (!choices.length) return;
    this.choice = chosen();
    this.cycle = this.choice.cycles && byId("cycle").checked;
    this.find("progress").value = 0;
    this.find(".problem").textContent = "";
    this.find(".notes").replaceChildren();
    this.show("waiting", "Waits its turn");
    startNext();
  }

  /** From the queue to the result, or to a sentence that says why not. */
  async run() {
    this.show("uploading", "Uploading");
    speak(`${this.file.name}: uploading`);
    try {
      await this.check();
      const answer = await this.ask();
      if (!this.gone) await this.finish(answer);
    } catch (error) {
      if (!this.gone) this.fail(error.message);
    }
    clearInterval(this.clock);
  }

  /** Refuses what need not be sent, and finds out whether the browser can show the picture. */
  async check() {
    const { name, size } = this.file;
    if (size > limits.bytes) {
      const [is, most] = [megabytes(size), megabytes(limits.bytes)];
      throw new Error(`${name} has ${is}, more than the ${most} that can be sent: make it smaller.`);
    }
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      throw new Error(`${name} cannot be read: it has moved or changed, or it is a folder.`);
    }
    if (!this.urls.original) await this.showOriginal(this.file);
  }

  async showOriginal(blob) {
    const url = URL.createObjectURL(blob);
    const image = new Image();
    image.src = url;
    // A picture that the browser does not know (TIFF) is shown later as the server sees it.
    const known = await image.decode().then(() => true, () => false);
    if (known && !this.gone) this.keep("original", url);
    else URL.revokeObjectURL(url);
    if (this.urls.original) this.find(".before").src = this.urls.original;
  }

  /** Asks until the server has time, or has been busy too often. */
  async ask() {
    for (let attempt = 1; ; attempt++) {
      const { status, response, wait } = await this.post();
      if (status === 200 && response) return response;
      const why = response?.error?.message ?? `The server answered with error ${status}.`;
      if (status !== 503 || attempt > RETRIES) throw new Error(why);
      for (let left = Math.ceil(wait || 2 ** attempt); left > 0 && !this.gone; left--) {
        this.show("busy", `The server is busy: tries again in ${left} s`);
        await pause(1);
      }
      if (this.gone) throw new Error("removed");
      this.show("uploading", "Uploading");
    }
  }

  /** Sends the picture; XMLHttpRequest, since fetch does not tell how much has been sent. */
  post() {
    const request = (this.request = new XMLHttpRequest());
    request.open("POST", "translate");
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => {
      this.find("progress").value = (100 * loaded) / total;
      this.show("uploading", `Uploading, ${Math.round((100 * loaded) / total)} %`);
    };
    request.upload.onload = () => this.count();
    const wait = () => Number(request.getResponseHeader("Retry-After"));
    return new Promise((resolve, reject) => {
      request.onload = () =>
        resolve({ status: request.status, response: request.response, wait: wait() });
      request.onerror = request.onabort = () => reject(new Error(GONE));
      request.onloadend = () => clearInterval(this.clock);
      request.send(this.fields());
    });
  }

  fields() {
    const form = new FormData();
    const kind = SUFFIXES[this.file.type] ? this.file.type : "image/png";
    form.set("file", this.file);
    form.set("model", this.choice.model);
    form.set("direction", this.choice.direction);
    form.set("format", kind.replace("image/", ""));
    if (this.cycle) form.set("cycle", "1");
    if (!this.urls.original) form.set("preview", "1");
    return form;
  }

  /** Counts the seconds once all has been sent. */
  count() {
    this.find("progress").removeAttribute("value");
    const start = performance.now();
    const tick = () => {
      const seconds = Math.floor((performance.now() - start) / 1000);
      this.show("translating", `Translating${seconds ? `, ${seconds} s` : ""}`);
    };
    clearInterval(this.clock);
    this.clock = setInterval(tick, 1000);
    tick();
  }

  async finish({ picture, cycled, preview, milliseconds, likeness, notes }) {
    if (preview && !this.urls.original) await this.showOriginal(blobOf(preview));
    this.keep("result", URL.createObjectURL(blobOf(picture)));
    this.keep("cycled", cycled && URL.createObjectURL(blobOf(cycled)));
    this.size(picture.width, picture.height);
    this.find(".tag.left").textContent = this.choice.source;
    this.find(".before").alt = `Original (${this.choice.source}): ${this.file.name}`;
    this.find(".views").hidden = !cycled;
    this.view("result");
    const download = this.find(".download");
    download.href = this.urls.result;
    download.download = nameFor(this.file.name, picture.type);
    download.ariaLabel = `Download ${download.download}`;
    const unusual =
      "This picture is unlike those that the model was trained on: the result may be odd.";
    const lines = likeness?.unusual ? [unusual, ...notes] : notes;
    this.find(".notes").replaceChildren(...lines.map((line) => element("li", line)));
    this.slide(50);
    const took = `${(milliseconds.translated / 1000).toFixed(milliseconds.translated < 995 ? 2 : 1)} s`;
    this.show("done", `${this.choice.title} · ${picture.width} × ${picture.height} · ${took}`);
    speak([`${this.file.name}: translated.`, ...lines].join(" "));
  }

  fail(why) {
    this.find(".problem").textContent = why;
    this.show("failed", "Not translated");
    speak(`${this.file.name}: not translated. ${why}`);
  }

  keep(name, url) {
    if (this.urls[name]) URL.revokeObjectURL(this.urls[name]);
    this.urls[name] = url;
  }

  measure() {
    const { naturalWidth, naturalHeight } = this.find(".before");
    this.size(naturalWidth, naturalHeight);
  }

  /** Room for the picture; a tiny one is enlarged, with its pixels left as they are. */
  size(width, height) {
    const { style, classList } = this.find(".stage");
    style.setProperty("--width", width);
    style.setProperty("--height", height);
    classList.toggle("tiny", Math.max(width, height) <= 128);
  }

  /** Shows the result, or the way there and back, beside the original. */
  view(name) {
    const back = name === "cycled";
    const { source, target } = this.choice;
    this.find(".there").ariaPressed = String(!back);
    this.find(".back").ariaPressed = String(back);
    this.find(".after").src = this.urls[name];
    this.find(".after").alt = `Translated to ${back ? `${target} and back` : target}`;
    this.find(".tag.right").textContent = back ? `${source}, back again` : target;
  }

  listenToSlider() {
    const stage = this.find(".stage");
    const drag = (event) => {
      const { left, width } = stage.getBoundingClientRect();
      this.slide(Math.min(100, Math.max(0, (100 * (event.clientX - left)) / width)));
    };
    this.find(".slider").oninput = (event) => this.slide(Number(event.target.value));
    stage.onpointerdown = (event) => {
      if (this.state !== "done" || event.button) return;
      stage.setPointerCapture(event.pointerId);
      drag(event);
    };
    stage.onpointermove = (event) => stage.hasPointerCapture(event.pointerId) && drag(event);
  }

  /** The edge between before and after, in percent from the left. */
  slide(percent) {
    const slider = this.find(".slider");
    this.find(".stage").style.setProperty("--at", `${percent}%`);
    slider.value = percent;
    slider.setAttribute("aria-valuetext", `${Math.round(percent)} % original`);
  }

  nameAgain() {
    const verb = this.state === "failed" ? "Try again" : "Translate again";
    const other = this.choice !== chosen();
    this.find(".again").textContent = other ? `${verb}: ${chosen().title}` : verb;
  }

  remove() {
    this.gone = true;
    this.request?.abort();
    const next = this.item.nextElementSibling ?? this.item.previousElementSibling;
    for (const name in this.urls) this.keep(name, null);
    cards.splice(cards.indexOf(this), 1);
    this.item.remove();
    speak(`${this.file.name}: removed`);
    (next?.querySelector(".remove") ?? byId("file")).focus(); // the button that had it is gone
  }
}

// --- All pictures -------------------------------------------------------------------------------

function add(files) {
  if (!choices.length) return;
  const added = [...files].map((file) => new Card(file));
  for (const card of added.toReversed()) byId("cards").prepend(card.item);
  cards.push(...added);
  for (const card of added) card.enqueue();
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

// --- Small things -------------------------------------------------------------------------------

function speak(text) {
  byId("spoken").append(element("p", text));
  while (byId("spoken").childElementCount > 20) byId("spoken").firstElementChild.remove();
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function blobOf({ data, type }) {
  return new Blob([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], { type });
}

function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(bytes % 2 ** 20 ? 1 : 0)} MB`;
}

/** The original's name, with another suffix where the kind is another. */
function nameFor(name, type) {
  const suffixes = SUFFIXES[type];
  if (suffixes.some((suffix) => name.toLowerCase().endsWith(suffix))) return name;
  return name.replace(/\.[^.]*$/, "") + suffixes[0];
}

function listen() {
  const drop = byId("drop");
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  byId("choice").onchange = showChoice;
  byId("models-again").onclick = loadModels;
  for (const picker of [byId("file"), byId("camera")]) {
    picker.onchange = () => {
      add(picker.files);
      picker.value = ""; // so that the same file can be chosen again
    };
  }
  // The whole page takes what is dropped: else the browser would leave it to show the file.
  addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("over"));
  addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    drop.classList.remove("over");
    add(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => add(event.clipboardData.files));
}

document.documentElement.classList.add("scripted");
document.forms[0].onsubmit = (event) => event.preventDefault();
byId("file").multiple = true;
listen();
loadModels();
