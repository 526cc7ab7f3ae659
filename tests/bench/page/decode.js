// Receiving alone: bytes of RECVs to genuine, decrypted messages, by us and by the official SDK, the same bytes for both.
import WKSDK from "/sdk/main.js";
import { Gateway, Receiver, Script } from "/bench/wasm.js";

let gateway;
let socket;
const told = { messages: 0, distinct: new Set() };

/** The SDK's only way to a connection is a WebSocket; this one takes its handshake and gives it what we say. */
class FalseSocket {
  constructor() {
    socket = this;
    setTimeout(() => this.onopen());
  }
  send(data) {
    for (const answer of gateway.answer(data)) setTimeout(() => this.onmessage({ data: answer }));
  }
  close() {}
}

/** Connects the SDK. Its session is that of all: whoever has the key can receive. */
export async function connect() {
  // It tells the console of every packet that is glued to another, which would be measured too.
  console.log = () => {};
  gateway = new Gateway();
  const real = globalThis.WebSocket;
  globalThis.WebSocket = FalseSocket;
  const sdk = WKSDK.shared();
  Object.assign(sdk.config, { uid: "me", token: "token", addr: "ws://bench.invalid" });
  const ready = new Promise((done, fail) => sdk.connectManager.addConnectStatusListener((status, reason) => (reason === 1 ? done() : fail(new Error(`refused: ${status}, ${reason}`)))));
  sdk.connect();
  await ready;
  globalThis.WebSocket = real;
  // No listener but ours, so that nothing is measured but decoding, checking and decrypting. Its answers go nowhere.
  sdk.chatManager.listeners = [(message) => {
    told.messages += 1;
    told.distinct.add(message.messageID);
  }];
  socket.send = () => {};
}

const glue = (packets) => {
  const parts = packets.map((packet) => new Uint8Array(packet));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
};

/** The same messages one by one or glued together, as they come from a socket. */
function handOvers({ content, messages, together }) {
  const packets = gateway.seal(new Script(10, content), 0, messages);
  if (together === 1) return packets;
  return Array.from({ length: Math.ceil(messages / together) }, (_, n) => glue(packets.slice(n * together, (n + 1) * together)));
}

const variants = {
  sdk: () => (data) => {
    const before = told.messages;
    socket.onmessage({ data });
    return told.messages - before;
  },
  rows: () => {
    const receiver = Receiver.of(gateway);
    return (data) => receiver.rows(new Uint8Array(data));
  },
  objects: () => {
    const receiver = Receiver.of(gateway);
    return (data) => {
      const objects = JSON.parse(receiver.json(new Uint8Array(data)));
      for (const object of objects) object.content = JSON.parse(object.content);
      return objects.length;
    };
  },
};

/** Microseconds a message, over at least `time` milliseconds. Every message must come out. */
export function measure({ variant, content, messages, together, time }) {
  const data = handOvers({ content, messages, together });
  const receive = variants[variant]();
  const once = () => data.reduce((sum, bytes) => sum + receive(bytes), 0);
  const all = once();
  if (all !== messages) throw new Error(`${variant}: ${all} messages of ${messages} came out`);
  let rounds = 0;
  const from = performance.now();
  let to = from;
  while (to - from < time) {
    once();
    rounds += 1;
    to = performance.now();
  }
  return ((to - from) * 1000) / (rounds * messages);
}

/** What the SDK makes of packets that are glued together. */
export function glued({ content, messages, together }) {
  const data = handOvers({ content, messages, together });
  told.messages = 0;
  told.distinct.clear();
  for (const bytes of data) socket.onmessage({ data: bytes });
  return { sent: messages, told: told.messages, distinct: told.distinct.size };
}
