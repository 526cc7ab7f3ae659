// What the business server wants of a new account, told before it is asked, and in the words of the page. It checks again, and has the last word;
// its own sentences are for developers.
import type { Words } from "../words";

const uidShape = /^[A-Za-z0-9_.-]{1,64}$/;
// Three underscores begin the names that WuKongIM keeps for itself, and this one is a name of its own. Dots alone are steps of an address.
const reserved = /___|^systemcmdonline$|^\.{1,2}$/;
const control = /\p{Cc}/u;
const leastPassword = 8;
const mostPassword = 256;

/** Names a sentence of `words.errors`, or nothing where all is well. */
export function faultOf(uid: string, name: string, password: string): Exclude<keyof Words["errors"], "other"> | undefined {
  if (!uidShape.test(uid)) return "uid-characters";
  if (reserved.test(uid)) return "uid-reserved";
  if (control.test(name)) return "name-characters";
  // The server counts bytes.
  const { length } = new TextEncoder().encode(password);
  if (length < leastPassword) return "password-short";
  return length > mostPassword ? "password-long" : undefined;
}
