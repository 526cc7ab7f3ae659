// A text taken apart for showing: plain pieces, links, mentions. The pieces put together are the text, and none of them is markup.
import { safeUrl } from "./content";

export type Piece =
  | { kind: "plain"; text: string }
  | { kind: "link"; text: string; url: string }
  | { kind: "mention"; text: string; uid: string };

/** `uid` "" for everyone. */
export interface Named { uid: string; name: string }

const link = "https?:\\/\\/[^\\s<>\"'`，。！？；：、（）【】《》“”]+";
// A sentence may end behind an address.
const trailing = /[.,!?;:)\]}]+$/;
const escape = (name: string) => name.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&");

export function pieces(text: string, mentioned: readonly Named[]): Piece[] {
  const names = mentioned.filter(({ name }) => name !== "").toSorted((a, b) => b.name.length - a.name.length);
  const expression = new RegExp(names.length > 0 ? `${link}|@(?:${names.map(({ name }) => escape(name)).join("|")})` : link, "giu");
  const found: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(expression)) {
    let word = match[0];
    const piece = word.startsWith("@") ? mentionPiece(word, names) : linkPiece(word = word.replace(trailing, ""));
    if (!piece) continue;
    if (match.index > end) found.push({ kind: "plain", text: text.slice(end, match.index) });
    found.push(piece);
    end = match.index + word.length;
  }
  if (end < text.length) found.push({ kind: "plain", text: text.slice(end) });
  return found;
}

function mentionPiece(word: string, names: readonly Named[]): Piece | undefined {
  const name = word.slice(1).toLowerCase();
  const named = names.find((one) => one.name.toLowerCase() === name);
  return named && { kind: "mention", text: word, uid: named.uid };
}

function linkPiece(word: string): Piece | undefined {
  const url = safeUrl(word);
  return url === undefined ? undefined : { kind: "link", text: word, url };
}

/** The beginning of a long text, cut between two characters; undefined where it is not long. */
export function beginning(text: string, longest: number, mostLines: number): string | undefined {
  let at = -1;
  for (let line = 0; line < mostLines; line++) {
    at = text.indexOf("\n", at + 1);
    if (at < 0) break;
  }
  const end = Math.min(at < 0 ? text.length : at, longest);
  // A little more is not worth a button.
  if (text.length - end <= longest / 8) return undefined;
  const splits = (text.codePointAt(end - 1) ?? 0) > 0xffff;
  return text.slice(0, splits ? end - 1 : end);
}

const controls = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
const longestName = 64;
// Spaces, what joins or parts letters, and the fillers that fonts draw as nothing.
const seen = /[^\p{Z}\p{Cf}\u115f\u1160\u2800\u3164\uffa0]/u;

/**
 * A name as it may stand inside a sentence: no line breaks, and no marks that turn the direction of what stands around it. Nothing where nothing of it
 * would be seen.
 */
export function cleanName(name: string): string {
  if (!seen.test(name)) return "";
  return [...name.slice(0, longestName * 8).replace(controls, " ").trim()].slice(0, longestName).join("");
}
