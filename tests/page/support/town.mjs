// Everything behind the page for one test file: a gateway double, a business server with the built page, a browser; on ports and in folders of their
// own, and gone at the end.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

import { openBrowser, openProfile } from "../../../scripts/lib/browser.mjs";
import { startBusiness, startGateway } from "../../../scripts/lib/servers.mjs";
import { root } from "../../../scripts/lib/shell.mjs";
import { Person, passwordOf } from "./person.mjs";

const program = (name, set) => set ?? join(root, "target", "debug", name);
const programs = {
  gateway: program("jindou-gateway", process.env.JINDOU_TEST_GATEWAY),
  business: program("jindou-business", process.env.JINDOU_TEST_BUSINESS),
};
const page = join(root, "www", "dist");
// JINDOU_TEST_WUKONGIM=http://…: the HTTP API of a WuKongIM that runs already, in place of the double. It makes no faults on demand.
const real = process.env.JINDOU_TEST_WUKONGIM;

// A busy machine is slow; a test that hangs should say where.
const patience = 20_000;

const portOf = (address) => Number(new URL(address).port);

export class Town {
  #folder = mkdtempSync(join(tmpdir(), "jindou-page-"));
  #windows = [];
  #groups = 0;
  #ports = { ws: 0, api: 0, business: 0 };
  /** More arguments for the business server, e.g. ["--recall-window", "1s"]. */
  #more;

  /** For a test file: `const town = await Town.build();` at its top. */
  static async build({ more = [] } = {}) {
    for (const [name, path] of [...Object.entries(programs), ["page", join(page, "index.html")]]) assert.ok(existsSync(path), `${name} is not built: "npm test -- page" builds it`);
    const town = new Town();
    town.#more = more;
    after(() => town.#end());
    await town.startGateway();
    await town.startBusiness();
    town.browser = await openBrowser();
    return town;
  }

  /** On the port where it was before, so that a page finds it again. */
  async startGateway() {
    if (real) {
      this.gateway = { addresses: { api: real }, stop: async () => {} };
      return;
    }
    const { ws, api } = this.#ports;
    this.gateway = await startGateway({ program: programs.gateway, data: join(this.#folder, "gateway"), ws, api });
    Object.assign(this.#ports, { ws: portOf(this.gateway.addresses.ws), api: portOf(this.gateway.addresses.api) });
  }

  async startBusiness() {
    const wukongim = this.gateway.addresses.api;
    this.business = await startBusiness({ program: programs.business, data: join(this.#folder, "business"), wukongim, page, port: this.#ports.business, more: this.#more });
    this.#ports.business = portOf(this.business.addresses.url);
    this.url = this.business.addresses.url;
  }

  async stopServers() {
    await this.business.stop();
    await this.gateway.stop();
  }

  async startServers() {
    await this.startGateway();
    await this.startBusiness();
  }

  /** A browser window with nobody in it. What goes wrong in its page fails the test. */
  async window(context, { path = "/", width = 1280, height = 800, locale = "en-GB", ...options } = {}) {
    const settings = { viewport: { width, height }, locale, timezoneId: "Asia/Shanghai", ...options };
    const made = await this.browser.newContext(settings);
    return this.#watch(context, made, await made.newPage(), path);
  }

  /** The same with a profile on disk in `folder`, as it is after a restart of the browser. */
  async profile(context, folder, { path = "/", width = 1280, height = 800, locale = "en-GB" } = {}) {
    const made = await openProfile(folder, { viewport: { width, height }, locale });
    return this.#watch(context, made, made.pages()[0] ?? await made.newPage(), path);
  }

  async #watch(context, made, opened, path) {
    this.#windows.push(made);
    made.setDefaultTimeout(patience);
    const wrong = [];
    opened.on("pageerror", (error) => wrong.push(String(error)));
    opened.on("console", (message) => {
      const text = message.text();
      // That an address does not answer is what several tests are about, and the browser writes it down each time.
      if (message.type() === "error" && !/net::ERR_|WebSocket connection to .* failed|status of 4\d\d|Failed to load resource/.test(text)) wrong.push(text);
    });
    context.after(async () => {
      await made.close();
      assert.deepEqual(wrong, [], "nothing went wrong in the page");
    });
    await opened.goto(new URL(path, this.url).href);
    return opened;
  }

  /** A person with a window of their own, logged in. */
  async person(context, uid, options) {
    const person = new Person(await this.window(context, options));
    await person.logIn(uid);
    return person;
  }

  /** Two of them, beside each other in one window. */
  async pair(context, left, right, { path = "/", ...options } = {}) {
    const url = new URL(path, this.url);
    url.searchParams.set("side-by-side", "");
    const opened = await this.window(context, { width: 1440, height: 860, ...options, path: url.pathname + url.search });
    const people = [new Person(opened, 0), new Person(opened, 1)];
    await people[0].logIn(left);
    await people[1].logIn(right);
    return people;
  }

  async ask(method, path, { token, body } = {}) {
    const answer = await fetch(new URL(path, this.url), {
      method,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${answer.ok ? "" : await answer.text()}`);
    return answer.json();
  }

  async token(uid) {
    return (await this.ask("POST", "/v1/login", { body: { uid, password: passwordOf(uid) } })).token;
  }

  /** A fresh person. */
  async signUp(uid, name) {
    await this.ask("POST", "/v1/signup", { body: { uid, name, password: passwordOf(uid) } });
    return uid;
  }

  async group(owner, name, members) {
    this.#groups += 1;
    return this.ask("POST", "/v1/groups", { token: await this.token(owner), body: { name, members } });
  }

  /** Puts a message into WuKongIM past the page, as another client or a bot would. */
  async say(from, channelId, channelType, content, clientMsgNo = crypto.randomUUID()) {
    const body = {
      header: { no_persist: 0, red_dot: 1, sync_once: 0 }, from_uid: from, channel_id: channelId, channel_type: channelType, client_msg_no: clientMsgNo,
      payload: Buffer.from(JSON.stringify(content)).toString("base64"),
    };
    const answer = await fetch(new URL("/message/send", this.gateway.addresses.api), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    assert.ok(answer.ok, `/message/send: ${answer.status}`);
  }

  /** A folder that is gone once everything is that may write to it: what a test registers with `after` runs first to last. */
  folder(name) {
    return mkdtempSync(join(this.#folder, `${name}-`));
  }

  get makesFaults() {
    return !real;
  }

  /** Lets something go wrong at the gateway; see tests/gateway/src/fault.rs. */
  async fault(fault) {
    const answer = await fetch(new URL("/_faults", this.gateway.addresses.api), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(fault) });
    assert.ok(answer.ok, `/_faults: ${answer.status} ${await answer.text()}`);
  }

  async #end() {
    await Promise.all(this.#windows.map((window) => window.close().catch(() => {})));
    await this.browser?.close();
    await this.business?.stop();
    await this.gateway?.stop();
    // A browser that has ended may leave processes that take a moment longer.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}
