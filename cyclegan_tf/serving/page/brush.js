// Colours that are painted over an image: a hint of what its translation shall have.

import { chosen, limits } from "./choices.js";

export class Brush {
  /** `root` holds its controls; `painted` is called with the colours, a PNG with transparency. */
  constructor(root, painted) {
    this.root = root;
    this.strokes = []; // each with its colour, its breadth in pixels and its points
    this.canvas = this.find("canvas");
    this.context = this.canvas.getContext("2d");
    this.listenToPointer();
    this.find(".undo").onclick = () => this.keep(this.strokes.slice(0, -1));
    this.find(".clear").onclick = () => this.keep([]);
    this.find(".painted").onclick = () => this.canvas.toBlob((blob) => blob && painted(blob));
    root.ontoggle = () => this.lay();
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  /** Is there where the model that is chosen takes hints, for an image that leaves room for one. */
  offer(image, name, model) {
    const pixels = image.naturalWidth * image.naturalHeight;
    this.image = image;
    this.root.hidden = !chosen().hints || !pixels || 2 * pixels > limits.pixels;
    this.canvas.ariaLabel = `Paint here, over ${name}`;
    this.find(".painted").textContent = `Translate with these colours${model}`;
  }

  /** Lays the canvas over the image, as large as that is; not before somebody wants to paint. */
  lay() {
    const { src, naturalWidth: width, naturalHeight: height } = this.image;
    if (!this.root.open || this.find("img").src === src) return;
    this.find("img").src = src;
    Object.assign(this.canvas, { width, height });
    this.keep([]);
  }

  keep(strokes) {
    this.strokes = strokes;
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const stroke of strokes) this.draw(stroke);
    this.find(".painted").disabled = !strokes.length;
  }

  draw({ colour, breadth, points }) {
    Object.assign(this.context, {
      strokeStyle: colour,
      lineWidth: breadth,
      lineCap: "round",
      lineJoin: "round",
    });
    this.context.beginPath();
    this.context.moveTo(...points[0]);
    for (const point of points) this.context.lineTo(...point); // of one point, a dot
    this.context.stroke();
  }

  listenToPointer() {
    const { canvas } = this;
    let stroke;
    const at = ({ clientX, clientY }) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      return [((clientX - left) * canvas.width) / width, ((clientY - top) * canvas.height) / height];
    };
    canvas.onpointerdown = (event) => {
      if (event.button || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      // The breadth is in percent of the shorter side.
      const percent = Number(this.find(".breadth").value) / 100;
      const breadth = Math.max(1, percent * Math.min(canvas.width, canvas.height));
      stroke = { colour: this.find(".colour").value, breadth, points: [at(event)] };
      this.keep([...this.strokes, stroke]);
    };
    canvas.onpointermove = (event) => {
      if (!canvas.hasPointerCapture(event.pointerId)) return;
      stroke.points.push(at(event));
      this.draw({ ...stroke, points: stroke.points.slice(-2) });
    };
  }
}
