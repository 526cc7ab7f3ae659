// The message that this one answers: who said it and how it begins. What was recalled is quoted no longer, until it is restored.
import type { Quote as Quoted } from "../model/content";
import { words } from "../words";
import { useChat } from "./context";
import { contentDigest } from "./digest";
import "./quote.css";

export type Jump = (quote: Quoted) => void;

export function Quote({ quote, jump }: { quote: Quoted; jump: Jump }) {
  const chat = useChat();
  const original = chat.current.value?.messages.value.find((message) => message.messageId === quote.messageId);
  // The server and the client both empty the quote of a recalled message; one of them may not have got that far. A restore gives back the message alone.
  const content = original && original.state !== "normal" ? undefined : quote.payload ?? original?.content;
  const name = quote.from ? chat.directory.personName(quote.from) : quote.name;
  return (
    <button type="button" class="quote" data-gone={content === undefined} onClick={() => jump(quote)}>
      <span class="quote-name one-line"><bdi>{name}</bdi></span>
      <span class="quote-text"><bdi>{content === undefined ? words.value.quotedRecalled : contentDigest(content)}</bdi></span>
    </button>
  );
}
