// Messages in IndexedDB: as the client's own store keeps them, as plain JavaScript does, and as Dexie does. Each commit is awaited before
// the next, one record a message, a unique index on clientMsgNo, relaxed durability where there is a choice.
import Dexie from "/dexie/dexie.mjs";
import { Script, Store, records } from "/bench/wasm.js";

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

export const makers = {
  async ours(name, script) {
    const store = await Store.open(name);
    return {
      ready: (first, count) => store.batch(script, first, count),
      write: (batch) => store.apply(batch),
      newest: (group, limit) => store.newest(group, limit),
      close: () => store.close(),
    };
  },

  async plain(name, script) {
    const database = await openPlain(name);
    return {
      ready: (first, count) => records(script, first, count),
      write: (batch) => new Promise((resolve, reject) => {
        const transaction = database.transaction("messages", "readwrite", { durability: "relaxed" });
        const messages = transaction.objectStore("messages");
        for (const record of batch) messages.put(record);
        transaction.oncomplete = resolve;
        transaction.onabort = () => reject(transaction.error);
      }),
      newest: (group, limit) => newestOf(database, group, limit),
      newestByCursor: (group, limit) => newestByCursor(database, group, limit),
      close: () => database.close(),
    };
  },

  async dexie(name, script) {
    const database = await openDexie(name);
    return {
      ready: (first, count) => records(script, first, count),
      write: (batch) => database.messages.bulkPut(batch),
      newest: (group, limit) => database.messages.where("[channel+seq]").between([group, Dexie.minKey], [group, Dexie.maxKey]).reverse().limit(limit).toArray(),
      close: () => database.close(),
    };
  },
};

async function openPlain(name) {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => request.result.createObjectStore("messages", { keyPath: ["channel", "seq"] }).createIndex("clientMsgNo", "clientMsgNo", { unique: true });
  return done(request);
}

async function openDexie(name) {
  const database = new Dexie(name, { chromeTransactionDurability: "relaxed" });
  // A tenth, since Dexie multiplies by ten: so it opens what plain JavaScript made.
  database.version(0.1).stores({ messages: "[channel+seq], &clientMsgNo" });
  return database.open();
}

/** The quickest way that every browser has: the last key, then everything in a range that ends with it. */
async function newestOf(database, group, limit) {
  const messages = database.transaction("messages").objectStore("messages");
  const all = IDBKeyRange.bound([group], [group, []]);
  const last = await done(messages.openKeyCursor(all, "prev"));
  if (!last) return [];
  const [, seq] = last.key;
  return (await done(messages.getAll(IDBKeyRange.bound([group, seq - limit + 1], [group, seq])))).reverse();
}

/** The way that is found in tutorials, and right with holes too. */
function newestByCursor(database, group, limit) {
  const messages = database.transaction("messages").objectStore("messages");
  const found = [];
  return new Promise((resolve, reject) => {
    const request = messages.openCursor(IDBKeyRange.bound([group], [group, []]), "prev");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor) found.push(cursor.value);
      if (!cursor || found.length === limit) return resolve(found);
      cursor.continue();
    };
  });
}

/** How many messages the database holds. Ours has the version of its order behind the name. */
export async function stored(name) {
  const database = await done(indexedDB.open(name));
  try {
    const table = [...database.objectStoreNames].find((table) => table.startsWith("messages"));
    return await done(database.transaction(table).objectStore(table).count());
  } finally {
    database.close();
  }
}

/** Writes messages until there are `count` or the time is up. Answers how many there are, and the seconds that the commits took. */
export async function fill({ maker, name, count, together, channels, content, limit = Infinity }) {
  const database = await makers[maker](name, new Script(channels, content));
  let seconds = 0;
  let first = 0;
  while (first < count && seconds < limit) {
    const here = Math.min(together, count - first);
    const batch = database.ready(first, here);
    const from = performance.now();
    await database.write(batch);
    seconds += (performance.now() - from) / 1000;
    first += here;
    batch.free?.();
  }
  database.close();
  return { messages: first, seconds };
}
