// Contents cross the port as the JSON text that is sent. Here they become what the application gives and gets.
import { JindouError } from "./errors.js";

/** The JSON of a content. One with nothing in it is not sent: that is what JSON makes of a promise or a map. */
export function json(content) {
  const text = JSON.stringify(content);
  // `toJSON` may make anything of it.
  if (!text?.startsWith('{"')) throw new JindouError({ code: "invalid-argument", message: "a content must be an object that JSON can hold, and not an empty one" });
  return text;
}

/** An object where it is the JSON of one, else the text or the bytes as they came. */
export function payloadOf(content) {
  // What is no text crosses as an array of its bytes.
  if (typeof content !== "string") return Uint8Array.from(content);
  try {
    const value = JSON.parse(content);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : content;
  } catch {
    return content;
  }
}

export function messageOf(message) {
  if (message.content !== undefined) message.content = payloadOf(message.content);
  return message;
}

export function eventOf(event) {
  if (event.message) messageOf(event.message);
  if (event.conversation?.lastMessage) messageOf(event.conversation.lastMessage);
  if (event.type === "command") event.content = payloadOf(event.content);
  if (event.type === "stream") event.data = dataOf(event.data);
  return event;
}

/** A stream's data is any JSON. */
function dataOf(data) {
  if (typeof data !== "string") return Uint8Array.from(data);
  try {
    return JSON.parse(data);
  } catch {
    return data;
  }
}
