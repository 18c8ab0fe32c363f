// The search of the documents runs in a worker, which browsers do not start for a page that is opened as a file. There, a frame
// takes the place of the worker: it runs the same script, and messages go to and fro as events.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #frame = document.createElement("iframe");
    #isReady = false;
    #waiting = [];

    constructor(script) {
      super();
      this.#frame.hidden = true;
      document.body.append(this.#frame);
      const inside = this.#frame.contentWindow;
      inside.document.write("<!doctype html><body></body>");
      inside.document.close();
      inside.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      inside.importScripts = async (...scripts) => {
        for (const one of scripts) await this.#load(one);
      };
      this.#load(script).then(() => {
        this.#isReady = true;
        for (const data of this.#waiting.splice(0)) this.postMessage(data);
      });
    }

    #load(script) {
      return new Promise((resolve, reject) => {
        const document = this.#frame.contentWindow.document;
        const element = document.createElement("script");
        element.src = script;
        element.onload = resolve;
        element.onerror = () => reject(new Error(`${script} cannot be loaded`));
        document.body.append(element);
      });
    }

    postMessage(data) {
      if (!this.#isReady) return void this.#waiting.push(data);
      const inside = this.#frame.contentWindow;
      inside.dispatchEvent(new inside.MessageEvent("message", { data }));
    }
  };
}
