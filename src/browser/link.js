// The port to an engine: in a dedicated worker, or on this page where an application asks for it or no worker can be had.
import { JindouError } from "./errors.js";

/** A worker that is silent for so long was blocked, or its script was left out of a bundle. */
const PATIENCE = 15_000;

/**
 * `heard` gets every message, `died` is called when the engine is gone for good.
 * Gives { mode, post, end }.
 */
export async function link(wanted, heard, died) {
  const worker = wanted ? await started() : undefined;
  const { port1: near, port2: far } = new MessageChannel();
  near.onmessage = ({ data }) => heard(data);
  if (worker) {
    worker.onerror = (event) => {
      event.preventDefault?.();
      died();
    };
    worker.onmessageerror = died;
    worker.postMessage(far, [far]);
  } else {
    const { serve } = await import("./engine.js").catch((cause) => {
      throw new JindouError({ code: "unavailable", message: `the client's script cannot be loaded (${cause?.name ?? "Error"})`, retryable: true, cause });
    });
    serve(far);
  }
  return {
    mode: worker ? "worker" : "page",
    post: (message) => near.postMessage(message),
    end() {
      near.postMessage({ free: true });
      near.onmessage = null;
      near.close();
      // With all that it holds: what was promised was stored before.
      worker?.terminate();
    },
  };
}

/** A worker that has said its first word, or nothing where there is none to be had. */
function started() {
  return new Promise((resolve) => {
    let worker;
    try {
      worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    } catch {
      return resolve(undefined);
    }
    const give = (what) => {
      clearTimeout(late);
      worker.onmessage = worker.onerror = null;
      if (!what) worker.terminate();
      resolve(what);
    };
    const late = setTimeout(() => give(undefined), PATIENCE);
    worker.onmessage = () => give(worker);
    worker.onerror = (event) => {
      event.preventDefault?.();
      give(undefined);
    };
  });
}
