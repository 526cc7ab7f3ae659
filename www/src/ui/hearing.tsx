// For who hears the page: one polite sentence for each message that comes, and for the state of the connection.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { words } from "../words";
import { useChat } from "./context";
import { digest } from "./digest";

// Nobody can listen to a flood: within this time the newest message stands for all.
const pause = 1000;

export function Hearing() {
  const chat = useChat();
  const sentence = useSignal("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let spoken: string | undefined;
    const stop = chat.heard.subscribe((message) => {
      if (!message || timer) return;
      timer = setTimeout(() => {
        timer = undefined;
        const newest = chat.heard.peek();
        if (!newest) return;
        spoken = newest.messageId;
        const text = digest(newest, chat);
        sentence.value = newest.from === "" ? text : words.peek().heard(chat.directory.personName(newest.from), text);
      }, pause);
    });
    const forget = chat.withdrawn.subscribe((message) => {
      if (message && message.messageId === spoken) sentence.value = "";
    });
    return () => {
      stop();
      forget();
      clearTimeout(timer);
    };
  }, [chat]);
  const { state } = chat.connection.value;
  return (
    <>
      <p class="visually-hidden" role="log" aria-live="polite">{sentence.value}</p>
      <p class="visually-hidden" role="status">{chat.network.cut.value ? words.value.bannerCut : words.value.connection[state]}</p>
    </>
  );
}
