// What can be chosen: every direction of every model on the server.

/** What is said where the network is gone. */
export const GONE = "The server cannot be reached. Check the connection, then try again.";
const byId = (id) => document.getElementById(id);

let choices = [];

/** Limits of the service, as /models tells them. */
export let limits = {};

/** The choice of the moment; undefined where there is none. */
export const chosen = () => choices[byId("choice").value];

/** Whether images shall be translated back, too. */
export const cycleWanted = () => chosen().cycles && byId("cycle").checked;

const LOADING = 1000; // milliseconds until the server is asked again whether all are there

/** Asks for the models; `changed` is called whenever the choice is another. */
export async function load(changed) {
  byId("choice").onchange = () => {
    show(chosen());
    changed();
  };
  byId("models-again").onclick = async () => {
    await load(changed);
    byId(chosen() ? "choice" : "models-again").focus();
  };
  try {
    const answer = await fetch("models", { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The list of models did not come: error ${answer.status}.`);
    const { models, loading, limits: told } = await answer.json();
    if (loading) {
      allow(false);
      return void setTimeout(load, LOADING, changed);
    }
    limits = told;
    choices = models.flatMap(({ id, directions }) => directions.map((d) => ({ ...d, model: id })));
    if (!choices.length) throw new Error("There is no model on this server yet.");
  } catch (error) {
    // fetch throws a TypeError where the network is gone, json() a SyntaxError at half an answer.
    byId("no-models-why").textContent = error.constructor === Error ? error.message : GONE;
    return enable(false);
  }
  byId("choice").replaceChildren(...choices.map((choice, i) => new Option(nameOf(choice), i)));
  byId("limits").textContent = `PNG, JPEG, WebP, AVIF, TIFF, GIF or BMP, up to ${megabytes(limits.bytes)} each`;
  enable(true);
  show(chosen());
}

function enable(ready) {
  byId("no-models").hidden = ready;
  byId("models").hidden = !ready;
  allow(ready);
}

function allow(ready) {
  for (const id of ["choice", "file", "camera"]) byId(id).disabled = !ready;
}

/** The title, and as much more as tells it from the others. */
function nameOf({ title, note, model }) {
  const same = choices.filter((other) => other.title === title);
  if (same.length === 1) return title;
  const alike = same.filter((other) => other.note === note);
  return [title, note, alike.length > 1 && model].filter(Boolean).join(" · ");
}

function show(choice) {
  document.title = `${nameOf(choice)} · Translate images`;
  const size = choice.size && `made for ${choice.size[1]} × ${choice.size[0]} pixels`;
  byId("note").textContent = [choice.note, size].filter(Boolean).join(" · ");
  byId("cycle-label").hidden = !choice.cycles;
  byId("examples").hidden = !choice.examples?.source && !choice.examples?.target;
  for (const side of ["source", "target"]) {
    const figure = byId(`example-${side}`);
    const image = figure.querySelector("img");
    const address = choice.examples?.[side];
    figure.querySelector("figcaption").textContent = choice[side];
    image.onload = image.onerror = ({ type }) => (image.hidden = type === "error");
    image.hidden = true; // until it is there
    image.alt = `Example: ${choice[side]}`;
    if (address) image.src = address;
    else image.removeAttribute("src");
  }
}

/** Bytes in words. */
export function megabytes(bytes) {
  return `${(bytes / 2 ** 20).toFixed(bytes % 2 ** 20 ? 1 : 0)} MB`;
}
