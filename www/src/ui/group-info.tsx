// The members of a group, and what one may do about them: owners and admins add, remove and rename, owners appoint, everybody may leave.
import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { group as groupType } from "../model/channel";
import type { Group, Member } from "../model/server";
import { words } from "../words";
import { Avatar } from "./avatar";
import { useChat } from "./context";
import { Dialog } from "./dialog";
import { FormError } from "./form-error";
import { Menu, type MenuItem } from "./menu";
import { PeoplePicker } from "./people-picker";
import type { Person } from "../model/server";
import "./group-info.css";

const order = { owner: 0, admin: 1, member: 2 };

export function GroupInfo({ group, onClose }: { group: Group; onClose: () => void }) {
  const chat = useChat();
  const said = words.value;
  const adding = useSignal(false);
  const newName = useSignal<string | undefined>(undefined);
  const nameField = useRef<HTMLInputElement>(null);
  const renaming = newName.value !== undefined;
  useLayoutEffect(() => { if (renaming) nameField.current!.select(); }, [renaming]);
  const chosen = useSignal<readonly Person[]>([]);
  const error = useSignal<unknown>(undefined);
  const { directory, server } = chat;
  const me = chat.account.uid;
  const manages = group.role !== "member";

  const act = async (action: () => Promise<unknown>) => {
    error.value = undefined;
    try {
      await action();
      return true;
    } catch (problem) {
      error.value = problem;
      return false;
    }
  };
  const leave = async () => {
    if (!await act(() => directory.removeMember(group.groupId, me))) return;
    chat.leave();
    onClose();
  };
  const rename = async (event: SubmitEvent) => {
    event.preventDefault();
    if (await act(() => directory.change(server.renameGroup(group.groupId, newName.value!.trim())))) newName.value = undefined;
  };
  const actionsFor = (member: Member): MenuItem[] => {
    const items: MenuItem[] = [{ label: said.write(directory.personName(member.uid)), icon: "chat", choose: () => {
      onClose();
      chat.select({ channelId: member.uid, channelType: 1 });
    } }];
    if (group.role === "owner" && member.role !== "owner") {
      const role = member.role === "admin" ? "member" : "admin";
      items.push({ label: role === "admin" ? said.makeAdmin : said.makeMember, icon: "people", choose: () => act(() => directory.change(server.setRole(group.groupId, member.uid, role))) });
    }
    if (manages && order[group.role] < order[member.role]) {
      items.push({ label: said.removeFromGroup, icon: "discard", danger: true, choose: () => act(() => directory.removeMember(group.groupId, member.uid)) });
    }
    return items;
  };
  return (
    <Dialog title={directory.channelName({ channelId: group.groupId, channelType: groupType })} onClose={onClose}>
      {renaming ? (
        <form class="new-group" onSubmit={rename}>
          <label class="field">
            <span>{said.groupName}</span>
            <input ref={nameField} required maxLength={64} value={newName.value!} onInput={(event) => { newName.value = event.currentTarget.value; }} />
          </label>
          <FormError error={error.value} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => { newName.value = undefined; }}>{said.cancel}</button>
            <button class="button primary" disabled={!newName.value!.trim()}>{said.rename}</button>
          </div>
        </form>
      ) : adding.value ? (
        <>
          <PeoplePicker chosen={chosen} without={group.members.map(({ uid }) => uid)} />
          <FormError error={error.value} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick={() => { adding.value = false; }}>{said.cancel}</button>
            <button type="button" class="button primary" disabled={chosen.value.length === 0}
              onClick={async () => {
                const uids = chosen.value.map(({ uid }) => uid);
                if (!await act(() => directory.change(server.addMembers(group.groupId, uids)))) return;
                chosen.value = [];
                adding.value = false;
              }}>
              {said.add}
            </button>
          </div>
        </>
      ) : (
        <>
          <p class="small soft">{said.members(group.members.length)}</p>
          <ul class="members">
            {group.members.toSorted((a, b) => order[a.role] - order[b.role]).map((member) => (
              <li key={member.uid} class="member">
                <Avatar id={member.uid} name={directory.personName(member.uid)} size="small" />
                <span class="one-line"><bdi>{directory.personName(member.uid)}</bdi>{member.uid === me && <span class="soft"> · {said.you}</span>}</span>
                {member.role !== "member" && <span class="role">{said.roles[member.role]}</span>}
                {member.uid !== me && <Menu label={said.memberActions(directory.personName(member.uid))} items={() => actionsFor(member)} />}
              </li>
            ))}
          </ul>
          <FormError error={error.value} />
          <div class="dialog-actions">
            <button type="button" class="button" onClick={leave}>{said.leaveGroup}</button>
            {manages && <button type="button" class="button" onClick={() => { newName.value = group.name; }}>{said.renameGroup}</button>}
            {manages && <button type="button" class="button primary" onClick={() => { adding.value = true; }}>{said.addMembers}</button>}
          </div>
        </>
      )}
    </Dialog>
  );
}
