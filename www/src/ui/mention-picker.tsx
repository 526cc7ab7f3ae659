// The members of a group that "@" may mean. The focus stays in the composer; this is what its keys move in.
import type { Chat } from "../model/chat";
import { everyone } from "../model/draft";
import type { Group, Person } from "../model/server";
import { words } from "../words";
import { Avatar } from "./avatar";
import { Icon } from "./icons";
import "./mention-picker.css";

const mostShown = 8;

export function candidates(group: Group, chat: Chat, query: string): Person[] {
  const wanted = query.toLocaleLowerCase();
  const people = group.members.filter(({ uid }) => uid !== chat.account.uid).map(({ uid }) => ({ uid, name: chat.directory.personName(uid) }));
  return [{ uid: everyone, name: words.value.everyone }, ...people]
    .filter(({ uid, name }) => name.toLocaleLowerCase().includes(wanted) || uid.toLocaleLowerCase().includes(wanted))
    .slice(0, mostShown);
}

export function MentionPicker({ id, people, at, onPick }: { id: string; people: readonly Person[]; at: number; onPick: (person: Person) => void }) {
  // A name that several have says nothing of whom it means.
  const isAmbiguous = ({ name }: Person) => people.filter((other) => other.name === name).length > 1;
  return (
    <ul class="mention-picker" id={id} role="listbox" aria-label={words.value.mentionWhom}>
      {people.map((person, index) => (
        <li key={person.uid} id={`${id}-${index}`} role="option" aria-selected={index === at}
          // Before the composer loses the focus.
          onPointerDown={(event) => {
            event.preventDefault();
            onPick(person);
          }}>
          {person.uid === everyone ? <Icon name="people" /> : <Avatar id={person.uid} name={person.name} size="small" />}
          <span class="one-line"><bdi>{person.name}</bdi>{isAmbiguous(person) && <> <bdi class="soft small">{person.uid}</bdi></>}</span>
        </li>
      ))}
    </ul>
  );
}
