// The message that this one answers: who said it and how it begins. What was recalled is quoted no longer.
import type { Quote as Quoted } from "../model/content";
import { words } from "../words";
import { useChat } from "./context";
import { contentDigest } from "./digest";
import "./quote.css";

export type Jump = (quote: Quoted) => void;

export function Quote({ quote, jump }: { quote: Quoted; jump: Jump }) {
  const chat = useChat();
  const original = chat.current.value?.messages.value.find((message) => message.messageId === quote.messageId);
  // The server and the client both empty the quote of a recalled message; one of them may not have got that far.
  const gone = quote.payload === undefined || (original !== undefined && original.state !== "normal");
  const name = quote.from ? chat.directory.personName(quote.from) : quote.name;
  return (
    <button type="button" class="quote" data-gone={gone} onClick={() => jump(quote)}>
      <span class="quote-name one-line"><bdi>{name}</bdi></span>
      <span class="quote-text"><bdi>{gone ? words.value.quotedRecalled : contentDigest(quote.payload)}</bdi></span>
    </button>
  );
}
