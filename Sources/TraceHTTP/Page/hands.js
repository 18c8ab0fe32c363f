/** Where the pointer is and when it moved, on any view: a new view that appears under it has to know. */
let place;
let movedAt = -Infinity;
for (const name of ["pointermove", "pointerover", "pointerdown"]) {
  document.addEventListener(name, (event) => {
    // A lifted finger points at nothing.
    place = event.pointerType === "touch" ? undefined : [event.clientX, event.clientY];
    if (name === "pointermove") movedAt = performance.now();
  }, { capture: true, passive: true });
}
document.documentElement.addEventListener("pointerleave", () => { place = undefined; });

/** How long a pointer counts as moving after its last move, in milliseconds. */
const settling = 400;

/**
 * Knows whether the user is busy with some elements: points at them or is about to, presses or drags something, or has the
 * focus or selected text there. Meanwhile nothing in them may be replaced. `freed` is called some time after that has ended.
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
    // A dragged link is still held after its pointer was cancelled.
    on("pointercancel", () => { if (!this.isDragged) this.release(); });
    on("pointermove", (event) => {
      // It was released outside of the page.
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

  /** The click comes after the release. */
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
