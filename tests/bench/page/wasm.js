// The bench's WebAssembly, loaded once a page or worker.
import init from "/wasm/bench.js";

await init();

export * from "/wasm/bench.js";
