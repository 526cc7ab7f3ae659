// Makes the page itself load without a network: it keeps the built files, of one version at a time, and gives them back when the server does not
// answer. It keeps nothing else: messages are the client's business (IndexedDB), and requests to /v1 go past it.
// The build writes `version` and `files` above this line.
/* global version, files */

const cacheName = `jindou-page-${version}`;
const kept = new Set(files.map((file) => new URL(file, self.registration.scope).href));
const start = new URL("index.html", self.registration.scope).href;
// A server that is there but silent must not keep the page from opening.
const patience = 3000;

self.addEventListener("install", (event) => {
  event.waitUntil((async () => {
    const cache = await caches.open(cacheName);
    await cache.addAll([...kept].map((url) => new Request(url, { cache: "no-cache" })));
    await self.skipWaiting();
  })());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("jindou-page-") && name !== cacheName) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    // Only the page: an API description opened in a tab is the server's.
    if (url.pathname === new URL(self.registration.scope).pathname || url.href === start) event.respondWith(page(request));
  } else if (kept.has(url.href)) {
    event.respondWith(file(request));
  }
});

/** The newest page where the server has it, the kept one otherwise. */
async function page(request) {
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(patience) });
    if (answer.ok) return answer;
  } catch {
    // No network, or too slow: below.
  }
  return (await keptAnswer(start)) ?? Response.error();
}

/** A built file carries a hash in its name, so the kept one is as good as the server's. */
async function file(request) {
  return (await keptAnswer(request.url)) ?? fetch(request);
}

async function keptAnswer(url) {
  return (await caches.open(cacheName)).match(url, { ignoreVary: true });
}
