/** Where the pointer is, whichever view is shown, and when it moved: a view that is new under it has to know. */
let place;
let movedAt = -Infinity;
for (const name of ["pointermove", "pointerover", "pointerdown"]) {
  document.addEventListener(name, (event) => {
    // A finger that has gone points at nothing.
    place = event.pointerType === "touch" ? undefined : [event.clientX, event.clientY];
    if (name === "pointermove") movedAt = performance.now();
  }, { capture: true, passive: true });
}
document.documentElement.addEventListener("pointerleave", () => { place = undefined; });

/** For how long a pointer that moved is taken to be on its way to something, in milliseconds. */
const settling = 400;

/**
 * Knows whether a person is at some elements: points at them or is about to, presses or drags something in them, or has the
 * focus or selected text there. Then nothing may be replaced in them. `freed` is called some time after all that is over.
 */
export class Hands {
  constructor(nodes, freed) {
    this.nodes = nodes;
    this.freed = freed;
    this.isPressed = false;
    const listener = { capture: true, passive: true, signal: (this.end = new AbortController()).signal };
    const on = (name, handle) => document.addEventListener(name, handle, listener);
    on("pointerdown", (event) => this.press(event));
    on("dragstart", (event) => this.press(event));
    for (const name of ["pointerup", "dragend"]) on(name, () => this.release());
    // A link that is dragged is still held when its pointer is gone.
    on("pointercancel", () => { if (!this.isDragged) this.release(); });
    on("pointermove", (event) => {
      // It was let go of where nobody said so.
      if (this.isPressed && event.buttons === 0) this.isPressed = false;
      this.wait();
    });
    for (const name of ["focusout", "selectionchange", "pointerleave"]) on(name, () => this.wait());
  }

  leave() {
    this.end.abort();
    clearTimeout(this.timer);
  }

  press(event) {
    if (!(event.target instanceof Node) || !this.nodes.some((node) => node.contains(event.target))) return;
    this.isPressed = true;
    this.isDragged = event.type === "dragstart";
  }

  /** What comes of a press, the click, comes after it. */
  release() {
    setTimeout(() => {
      this.isPressed = this.isDragged = false;
      this.wait();
    });
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { if (!this.isBusy) this.freed(); }, settling + 10);
  }

  get hasSelection() {
    const selection = getSelection();
    return Boolean(selection && !selection.isCollapsed && this.nodes.some((node) => selection.containsNode(node, true)));
  }

  get isBusy() {
    const focus = document.activeElement;
    const pointed = place && document.elementFromPoint(...place);
    return this.isPressed || performance.now() - movedAt < settling || this.hasSelection
      || this.nodes.some((node) => node.contains(pointed) || (node !== focus && node.contains(focus)));
  }
}
