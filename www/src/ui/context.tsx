// The chat that a component belongs to: two panes show two of them.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Chat } from "../model/chat";

export const ChatContext = createContext<Chat | undefined>(undefined);

export function useChat(): Chat {
  const chat = useContext(ChatContext);
  if (!chat) throw new Error("a component of a chat stands outside one");
  return chat;
}
