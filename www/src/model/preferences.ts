// What a person has set for the whole page, beside its language (words/): light or dark, and what the address of the page says.
import { effect, signal } from "@preact/signals";
import { keep, kept } from "./shelf";

export type Theme = "system" | "light" | "dark";
const themes: readonly Theme[] = ["system", "light", "dark"];

export const theme = signal<Theme>(themes.find((one) => one === kept("theme")) ?? "system");

export function dress(chosen: Theme): void {
  theme.value = chosen;
  keep("theme", chosen === "system" ? undefined : chosen);
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

const address = new URL(location.href);

/** `/?worker=false`: the client runs on the page itself. */
export const worker = address.searchParams.get("worker") !== "false";

/** `/?side-by-side`: two people in one window. The address keeps it, so that a reload and a bookmark do. */
export const sideBySide = signal(address.searchParams.has("side-by-side"));

export function openBeside(open: boolean): void {
  sideBySide.value = open;
  if (open) address.searchParams.set("side-by-side", "");
  else address.searchParams.delete("side-by-side");
  history.replaceState(null, "", address.href.replace("side-by-side=", "side-by-side"));
}
