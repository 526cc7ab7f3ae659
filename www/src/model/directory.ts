// Names: of people and groups, as the business server tells them, and kept in this browser so that a page without a network calls people by name.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Channel } from "jindou";
import { group } from "./channel";
import type { ServerError } from "./network";
import type { Group, Person, Server } from "./server";
import { keep, kept } from "./shelf";
import { cleanName } from "./text";

// How many strangers' names are asked for at once. The API looks up one at a time.
const atOnce = 4;
const mostKept = 2000;

interface Kept { people: [string, string][]; groups: Group[]; former?: [string, string][] }

export class Directory {
  readonly people = signal<ReadonlyMap<string, string>>(new Map());
  readonly groups = signal<ReadonlyMap<string, Group>>(new Map());
  /** The names of groups that are mine no more: what was said there is still here. */
  readonly former = signal<ReadonlyMap<string, string>>(new Map());
  /** Each person's name by itself, so that a name which comes draws nobody else again. */
  readonly #names = new Map<string, ReadonlySignal<string | undefined>>();
  #asked = new Set<string>();
  #refreshing: Promise<void> | undefined;
  /** Groups that are being read, and whether they are to be read once more. */
  readonly #rereading = new Map<string, boolean>();
  #wanted: string[] = [];
  #asking = 0;
  #saving = false;
  #unsaved = false;
  #forgotten = false;

  constructor(private readonly server: Server, readonly own: Person) {
    const before = kept(this.#shelf) as Kept | undefined;
    try {
      this.people.value = new Map(before?.people).set(own.uid, own.name);
      this.groups.value = new Map(before?.groups.map((known) => [known.groupId, known]));
      this.former.value = new Map(before?.former);
    } catch {
      this.people.value = new Map([[own.uid, own.name]]);
    }
  }

  get #shelf() { return `names.${this.own.uid}`; }

  /** The name to show now. One that is not known is asked for, and whoever called this from a component is drawn again when it comes. */
  personName(uid: string): string {
    let name = this.#names.get(uid);
    if (!name) this.#names.set(uid, name = computed(() => this.people.value.get(uid)));
    if (name.value !== undefined) return name.value;
    this.#want(uid);
    return cleanName(uid);
  }

  channelName(channel: Channel): string {
    if (channel.channelType !== group) return this.personName(channel.channelId);
    const { channelId } = channel;
    return cleanName(this.groups.value.get(channelId)?.name ?? this.former.value.get(channelId) ?? "") || cleanName(channelId);
  }

  /** The group of a channel, if it is one of mine. */
  groupOf(channel: Channel): Group | undefined {
    return channel.channelType === group ? this.groups.value.get(channel.channelId) : undefined;
  }

  /** Whether it is a group that was one of mine. */
  wasIn(channel: Channel): boolean {
    return channel.channelType === group && !this.groups.value.has(channel.channelId) && this.former.value.has(channel.channelId);
  }

  refresh(): Promise<void> {
    return this.#refreshing = this.#refresh();
  }

  async #refresh(): Promise<void> {
    this.#asked.clear();
    const groups = await this.server.groups();
    this.#setGroups(new Map(groups.map((known) => [known.groupId, known])));
    this.#learn(groups.flatMap((known) => known.members));
    this.#save();
  }

  async search(query: string): Promise<Person[]> {
    const found = await this.server.people(query, 20);
    this.#learn(found);
    return found.filter((one) => one.uid !== this.own.uid);
  }

  async createGroup(name: string, members: string[]): Promise<Group> {
    return this.#setGroup(await this.server.createGroup(name, members));
  }

  async change(change: Promise<Group>): Promise<Group> {
    return this.#setGroup(await change);
  }

  async removeMember(groupId: string, uid: string): Promise<void> {
    await this.server.removeMember(groupId, uid);
    if (uid !== this.own.uid) {
      this.#setGroup(await this.server.group(groupId));
      return;
    }
    this.#leave(groupId);
  }

  /** Asks for a group that is not known: a message of it says that somebody has put us into it. */
  async learnGroup(groupId: string): Promise<void> {
    if (this.groups.peek().has(groupId) || this.#asked.has(`group ${groupId}`)) return;
    this.#asked.add(`group ${groupId}`);
    await this.reread(groupId);
  }

  /** Something became of a group: it is read again, and however often that is told meanwhile, once more after the reading that is under way. */
  async reread(groupId: string): Promise<void> {
    const reading = this.#rereading.has(groupId);
    this.#rereading.set(groupId, true);
    if (reading) return;
    try {
      while (this.#rereading.get(groupId)) {
        this.#rereading.set(groupId, false);
        // What comes later must not be older.
        await this.#refreshing?.catch(() => {});
        this.#setGroup(await this.server.group(groupId));
      }
    } catch (error) {
      if ((error as ServerError).code !== "not-found") throw error;
      this.#leave(groupId);
    } finally {
      this.#rereading.delete(groupId);
    }
  }

  #leave(groupId: string): void {
    const groups = new Map(this.groups.peek());
    if (!groups.delete(groupId)) return;
    this.#setGroups(groups);
    this.#save();
  }

  #setGroups(groups: ReadonlyMap<string, Group>): void {
    const lost = [...this.groups.peek().values()].filter(({ groupId }) => !groups.has(groupId));
    if (lost.length > 0) this.former.value = new Map([...this.former.peek(), ...lost.map(({ groupId, name }) => [groupId, name] as const)]);
    this.groups.value = groups;
  }

  #setGroup(changed: Group): Group {
    this.groups.value = new Map(this.groups.peek()).set(changed.groupId, changed);
    this.#learn(changed.members);
    this.#save();
    return changed;
  }

  #learn(people: readonly Person[]): void {
    const known = new Map(this.people.peek());
    const named = people.map(({ uid, name }) => [uid, cleanName(name) || uid] as const).filter(([uid, name]) => known.get(uid) !== name);
    if (named.length === 0) return;
    for (const [uid, name] of named) known.set(uid, name);
    this.people.value = known;
    this.#save();
  }

  #want(uid: string): void {
    if (!uid || this.#asked.has(uid)) return;
    this.#asked.add(uid);
    this.#wanted.push(uid);
    // Not now: this is called while a component is drawn.
    queueMicrotask(() => this.#askNext());
  }

  #askNext(): void {
    const uid = this.#asking < atOnce ? this.#wanted.shift() : undefined;
    if (uid === undefined) return;
    this.#asking++;
    this.server.people(uid, 20)
      .then((found) => this.#learn(found))
      // It is asked again after the next connect: refresh() forgets what was asked.
      .catch(() => {})
      .finally(() => {
        this.#asking--;
        this.#askNext();
      });
  }

  /** At once, so that a page that goes a moment later has it, and then not more often than twice a second. */
  #save(): void {
    this.#unsaved = true;
    if (this.#saving || this.#forgotten) return;
    this.#saving = true;
    this.#unsaved = false;
    const now: Kept = {
      people: [...this.people.peek()].slice(-mostKept), groups: [...this.groups.peek().values()], former: [...this.former.peek()].slice(-mostKept),
    };
    keep(this.#shelf, now);
    setTimeout(() => {
      this.#saving = false;
      if (this.#unsaved) this.#save();
    }, 500);
  }

  /** For good: an answer that is still under way is not kept either. */
  forget(): void {
    this.#forgotten = true;
    keep(this.#shelf, undefined);
  }
}
