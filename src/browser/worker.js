// The dedicated worker: the engine at the other end of the port that the page gives it.
import { serve } from "./engine.js";

self.onmessage = ({ data: port }) => serve(port);
// The page waits for this word: a worker that cannot be loaded never says it.
self.postMessage("ready");
