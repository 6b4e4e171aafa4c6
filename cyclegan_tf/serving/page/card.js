// One image on the page: it waits its turn, is uploaded, translated, and compared.

import { Brush } from "./brush.js";
import { chosen, cycleWanted, GONE, limits, megabytes } from "./choices.js";

const RETRIES = 4; // when the server is busy
const SUFFIXES = {
  "image/png": [".png"],
  "image/jpeg": [".jpg", ".jpeg", ".jpe", ".jfif"],
  "image/webp": [".webp"],
};
const UNUSUAL =
  "This image is unlike those that the model was trained on: the result may be odd.";

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

export class Card {
  /** `ready` is called when it waits its turn, `removed` when its button says so. */
  constructor(file, ready, removed) {
    this.file = file;
    this.ready = ready;
    this.urls = {}; // of the original, the result, and the way there and back
    this.item = document.getElementById("card").content.firstElementChild.cloneNode(true);
    this.find(".name").textContent = file.name;
    this.find("progress").ariaLabel = `Progress of ${file.name}`;
    this.find(".slider").ariaLabel = `How much of the original is seen, ${file.name}`;
    this.find(".remove").ariaLabel = `Remove ${file.name}`;
    this.find(".remove").onclick = () => this.remove(removed);
    // What failed is tried again as it was, painted colours included.
    this.find(".again").onclick = () => this.enqueueAgain(this.state === "failed" && this.hint);
    this.brush = new Brush(this.find(".brush"), (hint) => this.enqueueAgain(hint));
    this.find(".there").onclick = () => this.view("result");
    this.find(".back").onclick = () => this.view("cycled");
    this.listenToSlider();
  }

  find(selector) {
    return this.item.querySelector(selector);
  }

  get state() {
    return this.item.dataset.state;
  }

  show(state, text) {
    this.item.dataset.state = state;
    this.find(".state").textContent = text;
    this.nameAgain();
  }

  enqueueAgain(hint) {
    // While the colours were made a file, it may have been removed, or asked already.
    if (this.gone || !["done", "failed"].includes(this.state)) return;
    this.find(".name").focus(); // the button goes, and the keyboard shall not start anew
    this.enqueue(hint);
  }

  /** Waits its turn, with what is chosen now, and the painted colours where that takes some. */
  enqueue(hint) {
    this.choice = chosen();
    this.hint = this.choice.hints ? hint : null;
    this.cycle = cycleWanted();
    this.find(".problem").textContent = "";
    this.find("progress").value = 0;
    this.show("waiting", "Waits its turn");
    this.ready();
  }

  /** From the queue to the result, or to a sentence that says why not. */
  async run() {
    this.show("uploading", "Uploading");
    speak(`${this.file.name}: uploading`);
    try {
      await this.check();
      await this.finish(await this.ask());
    } catch (error) {
      if (!this.gone) this.fail(error.message); // else it was only waited for in vain
    }
  }

  /** Refuses what need not be sent, and finds out whether the browser can show the image. */
  async check() {
    const { name, size } = this.file;
    if (size > limits.bytes) {
      const [has, most] = [megabytes(size), megabytes(limits.bytes)];
      throw new Error(`${name} has ${has}; ${most} can be sent at most: make it smaller.`);
    }
    try {
      await this.file.slice(0, 1).arrayBuffer();
    } catch {
      throw new Error(`${name} cannot be read: it has moved or changed, or it is a folder.`);
    }
    if (!this.urls.original) await this.showOriginal(this.file);
  }

  async showOriginal(blob) {
    const image = this.find(".before");
    this.keep("original", blob);
    image.src = this.urls.original;
    try {
      await new Promise((done, failed) => Object.assign(image, { onload: done, onerror: failed }));
      this.size(image.naturalWidth, image.naturalHeight);
    } catch {
      // A kind that the browser does not know (TIFF): shown later, as the server sees it.
      this.keep("original", null);
      image.removeAttribute("src");
    }
  }

  /** Asks until the server has time, or has been busy too often. */
  async ask() {
    for (let attempt = 1; !this.gone; attempt++) {
      const request = await this.post();
      const { status, response } = request;
      if (status === 200 && response) return response;
      const why = response?.error?.message ?? `The server answered with error ${status}.`;
      if (status !== 503 || attempt > RETRIES) throw new Error(why);
      if (attempt === 1) speak(`${this.file.name}: the server is busy, and is asked again soon`);
      const wait = Number(request.getResponseHeader("Retry-After")) || 2 ** attempt;
      for (let left = Math.min(wait, 60); left > 0 && !this.gone; left--) {
        this.show("busy", `The server is busy: tries again in ${left} s`);
        await pause(1);
      }
      this.show("uploading", "Uploading");
    }
  }

  /** Sends the image; XMLHttpRequest, since fetch does not tell how much has been sent. */
  post() {
    const request = new XMLHttpRequest();
    this.request = request;
    request.open("POST", "translate");
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => {
      const percent = Math.round((100 * loaded) / total);
      this.find("progress").value = percent;
      this.show("uploading", `Uploading, ${percent} %`);
    };
    request.upload.onload = () => this.countSeconds();
    return new Promise((resolve, reject) => {
      request.onload = () => resolve(request);
      request.onerror = request.onabort = () => reject(new Error(GONE));
      request.onloadend = () => clearInterval(this.clock);
      request.send(this.fields());
    });
  }

  fields() {
    const form = new FormData();
    const kind = this.file.type in SUFFIXES ? this.file.type : "image/png";
    form.set("file", this.file);
    form.set("model", this.choice.model);
    form.set("direction", this.choice.direction);
    form.set("format", kind.replace("image/", ""));
    if (this.cycle) form.set("cycle", "1");
    if (!this.urls.original) form.set("preview", "1");
    if (this.hint) form.set("hint", this.hint, "hint.png");
    return form;
  }

  /** Once all has been sent, how much is left cannot be known: seconds in place of percents. */
  countSeconds() {
    let seconds = 0;
    this.find("progress").removeAttribute("value");
    this.show("translating", "Translating");
    this.clock = setInterval(() => this.show("translating", `Translating, ${++seconds} s`), 1000);
  }

  async finish({ picture: image, cycled, preview, milliseconds, likeness, notes }) {
    const { source, target, title } = this.choice;
    if (preview && !this.urls.original) await this.showOriginal(blobOf(preview));
    this.keep("result", blobOf(image));
    this.keep("cycled", cycled && blobOf(cycled));
    this.size(image.width, image.height);
    this.find(".views").hidden = !cycled;
    this.find(".there").textContent = target;
    this.find(".back").textContent = `back to ${source}`;
    this.view("result");
    this.slide(50);
    const download = this.find(".download");
    download.href = this.urls.result;
    download.download = nameFor(this.file.name, image.type);
    download.ariaLabel = `Download ${download.download}`;
    const lines = likeness?.unusual ? [UNUSUAL, ...notes] : notes;
    this.find(".notes").replaceChildren(...lines.map((line) => element("li", line)));
    const words = [title, `${image.width} × ${image.height}`, time(milliseconds)];
    if (this.hint) words.push("with your colours");
    this.show("done", words.join(" · "));
    speak([`${this.file.name}: translated.`, ...lines].join(" "));
  }

  fail(why) {
    this.find(".problem").textContent = why;
    this.show("failed", "Not translated");
    speak(`${this.file.name}: not translated. ${why}`);
  }

  /** Holds an image by its address, in place of the one before. */
  keep(name, blob) {
    if (blob && this.gone) throw new Error("The card has been removed.");
    if (this.urls[name]) URL.revokeObjectURL(this.urls[name]);
    this.urls[name] = blob && URL.createObjectURL(blob);
  }

  /** Makes room for the image; a tiny one is enlarged, with its pixels left as they are. */
  size(width, height) {
    for (const { style, classList } of [this.find(".stage"), this.find(".board")]) {
      style.setProperty("--width", width);
      style.setProperty("--height", height);
      classList.toggle("tiny", Math.max(width, height) <= 128);
    }
  }

  /** Shows the result, or the way there and back, beside the original. */
  view(name) {
    const back = name === "cycled";
    const { source, target } = this.choice;
    this.find(".there").ariaPressed = String(!back);
    this.find(".back").ariaPressed = String(back);
    this.find(".after").src = this.urls[name];
    this.find(".after").alt = `Translated to ${target}${back ? ` and back to ${source}` : ""}`;
    this.find(".tag.right").textContent = back ? `back to ${source}` : target;
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

  /** Puts the edge between before and after, in percent from the left. */
  slide(percent) {
    const slider = this.find(".slider");
    this.find(".stage").style.setProperty("--at", `${percent}%`);
    slider.value = percent;
    slider.setAttribute("aria-valuetext", `${Math.round(percent)} % original`);
  }

  /** The buttons tell what they would do, as what is chosen above may be another by now. */
  nameAgain() {
    const again = this.state === "failed" ? "Try again" : "Translate again";
    const same = this.choice === chosen();
    this.find(".again").textContent = same ? again : `${again}: ${chosen().title}`;
    this.brush.offer(this.find(".before"), this.file.name, same ? "" : `: ${chosen().title}`);
  }

  remove(removed) {
    this.gone = true;
    this.request?.abort();
    for (const name in this.urls) this.keep(name, null);
    removed(this);
    speak(`${this.file.name}: removed`);
  }
}

/** For screen readers: what becomes of each image, and no percents. */
function speak(text) {
  const spoken = document.getElementById("spoken");
  spoken.append(element("p", text));
  if (spoken.childElementCount > 20) spoken.firstElementChild.remove();
}

function element(tag, text) {
  return Object.assign(document.createElement(tag), { textContent: text });
}

function time({ translated }) {
  return translated < 1000 ? `${Math.ceil(translated)} ms` : `${(translated / 1000).toFixed(1)} s`;
}

function blobOf({ data, type }) {
  const bytes = Uint8Array.fromBase64?.(data) ?? Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  return new Blob([bytes], { type });
}

/** The original's name, with another suffix where the kind is another. */
function nameFor(name, type) {
  const suffixes = SUFFIXES[type];
  if (suffixes.some((suffix) => name.toLowerCase().endsWith(suffix))) return name;
  return name.replace(/\.[^.]*$/, "") + suffixes[0];
}
