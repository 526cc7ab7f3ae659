// Who has logged in from this browser, and who is in which pane of this window. It is what opens the page without a network: the messages are in
// the client's database, and the session is here. Not a password store: a session ends at the server.
import { keep, keepHere, kept, keptHere } from "./shelf";

export interface Account {
  uid: string;
  name: string;
  token: string;
  deviceFlag: number;
}

const key = "accounts";

function isAccount(value: unknown): value is Account {
  const account = value as Partial<Account> | null;
  return typeof account === "object" && account !== null
    && typeof account.uid === "string" && typeof account.name === "string"
    && typeof account.token === "string" && typeof account.deviceFlag === "number";
}

/** The last used first. */
export function accounts(): Account[] {
  const stored = kept(key);
  return Array.isArray(stored) ? stored.filter(isAccount) : [];
}

export function remember(account: Account): void {
  const { uid, name, token, deviceFlag } = account;
  keep(key, [{ uid, name, token, deviceFlag }, ...accounts().filter((other) => other.uid !== uid)]);
}

export function forget(uid: string): void {
  keep(key, accounts().filter((other) => other.uid !== uid));
}

/** Who was in this pane: in this window, else in the window that was used last. */
export function chosen(slot: number): Account | undefined {
  const uid = keptHere(`pane.${slot}`) ?? kept(`pane.${slot}`);
  return accounts().find((account) => account.uid === uid);
}

/** "" for nobody. */
export function choose(slot: number, uid: string): void {
  keepHere(`pane.${slot}`, uid);
  keep(`pane.${slot}`, uid || undefined);
}
