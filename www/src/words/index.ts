// The language of the page, its words, and how it writes times. One language for the whole page: components read `words.value` and follow a switch.
import { computed, effect, signal } from "@preact/signals";
import type { AuditLine, JindouErrorInfo } from "jindou";
import { keep, kept } from "../model/shelf";
import { en } from "./en";
import { zh } from "./zh";

export type Words = typeof en;
export type Language = "en" | "zh";

export const languages: Record<Language, Words> = { en, zh };

function initial(): Language {
  const before = kept("language");
  if (before === "en" || before === "zh") return before;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export const language = signal<Language>(initial());
export const words = computed(() => languages[language.value]);

export function speak(chosen: Language): void {
  language.value = chosen;
  keep("language", chosen);
}

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
});

const dayLength = 86_400_000;
const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0);

// Whoever leaves the page open finds another day, or, after a journey, another time zone. It is looked at rather than waited for: a machine that
// slept has slept through its timers.
const lookEvery = 10_000;
const today = signal(midnight(Date.now()));

/** For as long as there is a page. */
export function watchTheDay(): void {
  setInterval(() => { today.value = midnight(Date.now()); }, lookEvery);
}

const formats = computed(() => {
  // A format keeps the time zone in which it was made.
  void today.value;
  const locale = language.value === "zh" ? "zh-CN" : navigator.language.startsWith("en") ? navigator.language : "en";
  const of = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options);
  return {
    time: of({ hour: "2-digit", minute: "2-digit" }),
    exact: of({ hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" }),
    weekday: of({ weekday: "short" }),
    date: of({ month: "numeric", day: "numeric" }),
    dated: of({ year: "numeric", month: "numeric", day: "numeric" }),
    day: of({ weekday: "long", month: "long", day: "numeric" }),
    dayOfYear: of({ year: "numeric", month: "long", day: "numeric" }),
    whole: of({ dateStyle: "medium", timeStyle: "medium" }),
  };
});

/** Days before today, by the calendar. */
function daysAgo(at: number): number {
  void today.value;
  return Math.round((midnight(Date.now()) - midnight(at)) / dayLength);
}
const thisYear = (at: number) => new Date(at).getFullYear() === new Date().getFullYear();

export const timeOf = (at: number): string => formats.value.time.format(at);
export const exactTimeOf = (at: number): string => formats.value.exact.format(at);
export const wholeTimeOf = (at: number): string => formats.value.whole.format(at);

/** For a list: as short as it can be told. */
export function shortTimeOf(at: number): string {
  const days = daysAgo(at);
  if (days <= 0) return timeOf(at);
  if (days === 1) return words.value.yesterday;
  if (days < 7) return formats.value.weekday.format(at);
  return thisYear(at) ? formats.value.date.format(at) : formats.value.dated.format(at);
}

/** For the line between two days. */
export function dayOf(at: number): string {
  const days = daysAgo(at);
  if (days === 0) return words.value.today;
  if (days === 1) return words.value.yesterday;
  return thisYear(at) ? formats.value.day.format(at) : formats.value.dayOfYear.format(at);
}

/** A key that is the same for all moments of one day. */
export function dayKey(at: number): number {
  void today.value;
  return midnight(at);
}

type Said = Pick<JindouErrorInfo, "reason" | "deadline"> & { code: string };

/** What a person is told of an error of the client or of the business server. */
export function errorText(error: Said, said: Words = words.value): string {
  if (error.code === "recall-denied") {
    if (error.reason === "window") return said.denied.window(error.deadline === undefined ? undefined : wholeTimeOf(error.deadline));
    return said.denied[error.reason ?? "other"] as string;
  }
  const known = said.errors[error.code as keyof Words["errors"]];
  return typeof known === "string" ? known : said.errors.other(error.code ?? "unknown");
}

/** What a line of the audit tells of, and by which road it came. A word that this page does not know is shown as it is. */
export function auditText({ what, by }: Pick<AuditLine, "what" | "by">, said: Words = words.value): { what: string; road: string } {
  const word = (table: Record<string, string>, key: string) => table[key] ?? key;
  return { what: word(said.audit, what), road: word(said.auditRoads, by) };
}

/** Why the message server refused a message. */
export function reasonText(code: number | undefined, said: Words = words.value): string {
  if (code === undefined) return said.reasons.unknown;
  const known = said.reasons[code as keyof Words["reasons"]];
  return typeof known === "string" ? known : said.reasons.other(code);
}
