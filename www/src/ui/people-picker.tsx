// Search people, choose some. With `onPick` one choice ends it; with `chosen` they are collected.
import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { Person } from "../model/server";
import { words } from "../words";
import { Avatar } from "./avatar";
import { isComposing } from "./composing";
import { useChat } from "./context";
import { FormError } from "./form-error";
import { Icon } from "./icons";
import "./people-picker.css";

// Not a request for each key.
const pause = 200;

interface PeoplePickerProps { onPick?: (person: Person) => void; chosen?: Signal<readonly Person[]>; without?: readonly string[] }

export function PeoplePicker({ onPick, chosen, without = [] }: PeoplePickerProps) {
  const chat = useChat();
  const said = words.value;
  const query = useSignal("");
  const found = useSignal<readonly Person[] | undefined>(undefined);
  /** Of which words that is what was found. */
  const foundFor = useRef<string | undefined>(undefined);
  /** Enter came before the answer: the first of it is meant. */
  const eager = useRef(false);
  const error = useSignal<unknown>(undefined);
  const list = useRef<HTMLUListElement>(null);
  const field = useRef<HTMLInputElement>(null);

  useEffect(() => {
    let wanted = true;
    const timer = setTimeout(async () => {
      try {
        const words = query.value.trim();
        const people = await chat.directory.search(words);
        if (!wanted) return;
        foundFor.current = words;
        found.value = people;
        error.value = undefined;
        if (eager.current) pickFirst();
      } catch (problem) {
        if (wanted) error.value = problem;
      }
    }, query.value ? pause : 0);
    return () => {
      wanted = false;
      clearTimeout(timer);
    };
  }, [query.value]);
  // At once: who goes on to another field must not lose the focus to this one a moment later. A dialog that opens gives it by `autofocus`.
  useLayoutEffect(() => field.current?.focus(), []);

  const isChosen = (uid: string) => chosen?.value.some((person) => person.uid === uid) ?? false;
  const pick = (person: Person) => {
    if (!chosen) onPick?.(person);
    else chosen.value = isChosen(person.uid) ? chosen.value.filter(({ uid }) => uid !== person.uid) : [...chosen.value, person];
  };
  const move = (event: KeyboardEvent) => {
    if ((event.key !== "ArrowDown" && event.key !== "ArrowUp") || isComposing(event)) return;
    const stops: HTMLElement[] = [field.current!, ...list.current?.querySelectorAll<HTMLElement>("button") ?? []];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    event.preventDefault();
    stops[Math.max(0, Math.min(stops.length - 1, at + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  };
  const offered = () => found.peek()?.filter(({ uid }) => !without.includes(uid));
  const pickFirst = () => {
    eager.current = false;
    const first = offered()?.[0];
    if (first) pick(first);
  };
  const shown = found.value && offered();
  return (
    <div class="people-picker" onKeyDown={move}>
      <label class="search">
        <span class="visually-hidden">{said.searchPeople}</span>
        <Icon name="search" size={18} />
        <input ref={field} type="search" autofocus placeholder={said.searchPeople} value={query.value} autocomplete="off" spellcheck={false}
          onInput={(event) => {
            query.value = event.currentTarget.value;
            eager.current = false;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || isComposing(event)) return;
            event.preventDefault();
            eager.current = true;
            if (foundFor.current === query.value.trim()) pickFirst();
          }} />
      </label>
      {chosen && chosen.value.length > 0 && (
        <ul class="chips">
          {chosen.value.map((person) => (
            <li key={person.uid}>
              <button type="button" aria-label={said.remove(chat.directory.personName(person.uid))} onClick={() => pick(person)}>
                <bdi class="one-line">{chat.directory.personName(person.uid)}</bdi><Icon name="close" size={14} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <FormError error={error.value} />
      {shown && shown.length === 0 && <p class="soft people-none">{said.noPeople}</p>}
      {!shown && !error.value && <p class="people-none"><span class="spinner" role="status" aria-label={said.loading} /></p>}
      <ul ref={list} class="people">
        {shown?.map((person) => (
          <li key={person.uid}>
            <button type="button" class="row" aria-pressed={chosen ? isChosen(person.uid) : undefined} onClick={() => pick(person)}>
              <Avatar id={person.uid} name={chat.directory.personName(person.uid)} size="small" />
              <span class="one-line"><bdi>{chat.directory.personName(person.uid)}</bdi> <bdi class="soft small">{person.uid}</bdi></span>
              {chosen && isChosen(person.uid) && <Icon name="sent" />}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
