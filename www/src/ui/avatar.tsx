// A round sign for a person or a group: the first letter of the name, in a colour that stays with the id.
import "./avatar.css";

const hues = 8;
const letters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function hueOf(id: string): number {
  let sum = 7;
  for (const character of id) sum = (sum * 31 + character.codePointAt(0)!) % 9973;
  return sum % hues;
}

/** One letter as a person sees it, whatever the name is made of. Control and direction marks are no letters. */
function letterOf(name: string): string {
  const plain = name.slice(0, 64).replace(/[\p{C}\p{Z}]/gu, "");
  const [first] = letters.segment(plain);
  return first && first.segment.length <= 16 ? first.segment.toUpperCase() : "?";
}

export function Avatar({ id, name, group = false, size = "medium" }: { id: string; name: string; group?: boolean; size?: "small" | "medium" }) {
  return <span class={`avatar ${size} ${group ? "of-group" : ""}`} data-hue={hueOf(id)} aria-hidden="true">{letterOf(name)}</span>;
}
