// A page with the scripted client (client.js beside this file): its files and a few people come from the test itself, no server and no network.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";

import webpack from "webpack";

import { root } from "../../../scripts/lib/shell.mjs";
import configuration from "../../../webpack.config.js";

/** Builds the page around the scripted client and answers the folder, which is the caller's: several files of tests may build it at once. */
export function buildPage() {
  const folder = mkdtempSync(join(tmpdir(), "jindou-scripted-"));
  const compiler = webpack(configuration({ client: join(root, "tests", "page", "scripted", "client.js"), output: folder }, {}));
  return new Promise((settle, fail) => compiler.run((error, stats) => {
    if (error || stats.hasErrors()) fail(error ?? new Error(stats.toString("errors-only")));
    else compiler.close(() => settle(folder));
  }));
}

export const names = { alice: "Alice Chen", bob: "Bob Okafor", carol: "刘晓彤", dave: "Dave" };
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const origin = "https://jindou.test";

// What the business server allows a page.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; worker-src 'self'";

/** Answers a page's requests; `state.groups`, `state.down`, `state.over` (the session is) and `state.ahead` (its clock, in milliseconds) may be changed by the test. */
export async function answer(context, folder, state) {
  await context.route("**/*", (route) => {
    const request = route.request();
    const url = new URL(request.url());
    if (url.origin !== origin) return route.abort();
    if (url.pathname.startsWith("/v1/")) return api(route, url, bodyOf(request), request.headers().authorization, state);
    const path = url.pathname === "/" ? "index.html" : url.pathname.slice(1);
    return route.fulfill({ body: readFileSync(join(folder, path)), contentType: types[extname(path)], headers: { "content-security-policy": policy } });
  });
}

/** Firefox does not tell a test what a request says, so the page says it in a header too. */
export const tellBodies = () => {
  const { fetch } = window;
  window.fetch = (url, options = {}) => {
    const headers = typeof options.body === "string" ? { ...options.headers, "test-body": encodeURIComponent(options.body) } : options.headers;
    return fetch(url, { ...options, headers });
  };
};

const bodyOf = (request) => {
  const said = request.headers()["test-body"];
  return said && JSON.parse(decodeURIComponent(said));
};

export const address = `${origin}/`;

function api(route, url, body, authorization, state) {
  if (state.down) return route.abort("connectionrefused");
  const json = (value, status = 200) => route.fulfill({ status, contentType: "application/json", body: JSON.stringify(value) });
  const uid = authorization?.replace(/^Bearer token-/, "");
  const people = Object.entries({ ...names, ...state.names }).map(([id, name]) => ({ uid: id, name }));
  const groups = (state.groups ?? []).filter(({ members }) => members.some((member) => member.uid === uid))
    .map((group) => ({ ...group, role: group.members.find((member) => member.uid === uid).role }));
  switch (`${request(route)} ${url.pathname}`) {
    case "POST /v1/login":
      if (body.password !== "secret") return json({ code: "unauthorized", message: "", retryable: false }, 401);
      return json({ uid: body.uid, name: { ...names, ...state.names }[body.uid] ?? body.uid, token: `token-${body.uid}`, deviceFlag: 1, expiresAt: Date.now() + 1e9 });
    case "POST /v1/signup":
      (state.signUps ??= []).push(body.uid);
      return json({ code: "invalid", message: "a sentence for developers", retryable: false }, 400);
    case "GET /v1/me":
      if (state.over) return json({ code: "unauthorized", message: "", retryable: false }, 401);
      return json({ uid, name: names[uid] ?? uid });
    case "GET /v1/gateway": return json({ addresses: ["ws://127.0.0.1:9"] });
    case "GET /v1/policy": return json({ serverTime: Date.now() + (state.ahead ?? 0), restoreModerated: state.restoreModerated });
    case "GET /v1/groups": return json({ groups });
    case "GET /v1/people": {
      const query = url.searchParams.get("query").toLowerCase();
      return json({ people: people.filter((one) => one.uid.includes(query) || one.name.toLowerCase().includes(query)) });
    }
    case "POST /v1/logout": return json({});
    case "POST /v1/groups": {
      const members = [{ uid, name: names[uid], role: "owner" }, ...body.members.map((id) => ({ uid: id, name: names[id], role: "member" }))];
      const group = { groupId: `g${(state.groups ??= []).length + 1}`, name: body.name, members };
      state.groups.push(group);
      return json({ ...group, role: "owner" });
    }
    default: {
      const group = groups.find(({ groupId }) => url.pathname === `/v1/groups/${groupId}`);
      return group ? json(group) : json({ code: "not-found", message: "", retryable: false }, 404);
    }
  }
}

const request = (route) => route.request().method();
