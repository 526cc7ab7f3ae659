// The business server as this page uses it: people and groups for the page itself, and everything that the client asks it, as a `BusinessApi`.
// A client takes an address (`business: "https://…"`) just as well; the page hands it functions, so that the switch that cuts the network cuts
// these requests too.
import { signal } from "@preact/signals";
import type { BusinessApi } from "jindou";
import type { Account } from "./accounts";
import type { Network } from "./network";
import { ServerClock } from "./server-clock";

export type GroupRole = "owner" | "admin" | "member";
export interface Person { uid: string; name: string }
export interface Member extends Person { role: GroupRole }
export interface Group { groupId: string; name: string; role: GroupRole; members: Member[] }

/** Where each function of the client's interface stands in the HTTP API. */
const clientCalls = {
  gateway: ["GET", "gateway"],
  policy: ["GET", "policy"],
  online: ["GET", "online"],
  history: ["POST", "history"],
  conversations: ["POST", "conversations"],
  read: ["POST", "read"],
  commands: ["POST", "commands"],
  commandsAck: ["POST", "commands/ack"],
  marks: ["POST", "marks"],
  recall: ["POST", "recall"],
  restore: ["POST", "restore"],
  reedit: ["POST", "reedit"],
  lookup: ["POST", "lookup"],
} as const satisfies Record<keyof BusinessApi, readonly [string, string]>;

/** What may be known before anybody has logged in. A demo names its people, and their password is public. */
export interface About { signup: boolean; demo?: { people: Person[]; password: string } | null }

export function about(network: Network): Promise<About> {
  return network.request("GET", "/v1/about");
}

export function logIn(network: Network, uid: string, password: string): Promise<Account> {
  return network.request("POST", "/v1/login", undefined, { uid, password });
}

export function signUp(network: Network, uid: string, name: string, password: string): Promise<Account> {
  return network.request("POST", "/v1/signup", undefined, { uid, name, password });
}

export class Server {
  readonly clock = new ServerClock();
  /** Whether authors may restore what somebody else recalled. As long as the server told nothing, they may not. */
  readonly restoreModerated = signal(false);

  /** Every gateway has a plain address, which browsers refuse to a page that came by https. */
  plainGateway = false;

  constructor(readonly network: Network, private readonly token: string) {}

  clientApi(): BusinessApi {
    const calls: BusinessApi = Object.fromEntries(Object.entries(clientCalls).map(([name, [method, path]]) => [
      name,
      (request?: unknown) => this.#ask(method, path, method === "GET" ? undefined : (request ?? {})),
    ]));
    return {
      ...calls,
      gateway: async () => {
        const told = await calls.gateway!();
        // What it is to be, the client checks.
        const addresses: unknown[] = [told?.addresses].flat();
        this.plainGateway = addresses.length > 0 && addresses.every((address) => typeof address === "string" && address.startsWith("ws:"));
        return told;
      },
      // The client asks it on each connection.
      policy: async () => {
        const policy = await calls.policy!();
        if (typeof policy.serverTime === "number") this.clock.learn(policy.serverTime);
        this.restoreModerated.value = policy.restoreModerated === true;
        return policy;
      },
    };
  }

  me(): Promise<Person> { return this.#ask("GET", "me"); }

  logOut(): Promise<unknown> { return this.#ask("POST", "logout", {}); }

  async people(query: string, limit: number): Promise<Person[]> {
    const { people } = await this.#ask<{ people: Person[] }>("GET", `people?${new URLSearchParams({ query, limit: String(limit) })}`);
    return people;
  }

  async groups(): Promise<Group[]> {
    return (await this.#ask<{ groups: Group[] }>("GET", "groups")).groups;
  }

  group(groupId: string): Promise<Group> { return this.#ask("GET", `groups/${encodeURIComponent(groupId)}`); }

  createGroup(name: string, members: string[]): Promise<Group> { return this.#ask("POST", "groups", { name, members }); }

  renameGroup(groupId: string, name: string): Promise<Group> {
    return this.#ask("PUT", `groups/${encodeURIComponent(groupId)}`, { name });
  }

  addMembers(groupId: string, uids: string[]): Promise<Group> {
    return this.#ask("POST", `groups/${encodeURIComponent(groupId)}/members`, { uids });
  }

  setRole(groupId: string, uid: string, role: GroupRole): Promise<Group> {
    return this.#ask("PUT", `groups/${encodeURIComponent(groupId)}/members/${encodeURIComponent(uid)}`, { role });
  }

  removeMember(groupId: string, uid: string): Promise<unknown> {
    return this.#ask("DELETE", `groups/${encodeURIComponent(groupId)}/members/${encodeURIComponent(uid)}`);
  }

  #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.network.request(method, `/v1/${path}`, this.token, body);
  }
}
