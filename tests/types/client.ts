// What an application may write, and what the compiler must refuse. Never run.
import { Client, JindouError, version } from "jindou";
import type { Channel, Connection, Content, Conversation, Message, MessageSeq, SendOptions, SendResult } from "jindou";

const group: Channel = { channelId: "g1", channelType: 2 };

export async function open(): Promise<Client> {
  await Client.open({ uid: "alice", token: async () => "secret", gateway: "wss://im.example/ws" });
  await Client.open({ uid: "alice", token: "secret", gateway: async () => ["wss://a.example", "wss://b.example"], worker: false });
  await Client.open({ uid: "alice", token: "secret", business: { gateway: async () => ({ addresses: ["wss://a.example"] }) } });
  // @ts-expect-error nobody connects without a token
  await Client.open({ uid: "alice" });
  // @ts-expect-error a uid is a string
  await Client.open({ uid: 7, token: "secret" });
  // @ts-expect-error a client is opened, not constructed
  new Client();
  return Client.open({ uid: "alice", token: "secret", business: "https://im.example" });
}

export async function send(client: Client): Promise<string> {
  await client.send(group, { type: 1, content: "你好", mention: { uids: ["bob"] } }, { signal: AbortSignal.timeout(5000), deadline: 1000 });
  await client.send(group, { type: 1001, anything: [1, 2, 3] });
  // @ts-expect-error content has a type
  await client.send(group, { content: "no type" });
  // @ts-expect-error a channel is a channel, not its id
  await client.send("g1", { type: 1, content: "hello" });
  const { message } = await client.send(group, { type: 1, content: "hello" }, { expire: 60 });
  await client.recall(message);
  await client.recall((await client.retry(message.clientMsgNo)).message);
  const later: SendOptions = { expire: 60 };
  // @ts-expect-error who knows whether it has a deadline
  (await client.send(group, { type: 1, content: "hello" }, later)).message;
  const result: SendResult = await client.send(group, { type: 1, content: "hello" }, { deadline: 1000 });
  // @ts-expect-error a pending one has no message yet
  result.message;
  return result.type === "sent" ? result.message.key : result.clientMsgNo;
}

export function listen(client: Client): () => void {
  client.on("connection", (event) => {
    const connection: Connection = event.connection;
    if (connection.state === "waiting") connection.retryIn.toFixed();
    // @ts-expect-error only a waiting connection knows when it tries again
    connection.retryIn;
  });
  // @ts-expect-error there is no such event
  client.on("mesage", () => {});
  // @ts-expect-error a message event has no connection
  client.on("message", (event) => event.connection);
  return client.on("message", ({ message, live }) => show(message, live));
}

function show(message: Message, live: boolean): string {
  const content: Content | string | Uint8Array | undefined = message.content;
  // @ts-expect-error recalled and hidden messages have no content
  message.content.toString();
  // @ts-expect-error ids are strings, for they have 64 bits
  const id: number | undefined = message.messageId;
  const seq: MessageSeq | undefined = message.messageSeq;
  // @ts-expect-error a sequence may be a string
  const plain: number | undefined = message.messageSeq;
  return `${typeof content} ${id} ${seq} ${plain} ${live}`;
}

export async function iterate(client: Client): Promise<number> {
  for await (const event of client.events({ limit: 10 })) {
    if (event.type === "lagged") return event.missed;
    if (event.type === "history" && !event.complete) await client.messages(event.channel, { limit: 50 });
    // @ts-expect-error not every event has a channel
    event.channel;
  }
  return 0;
}

export async function recall(client: Client, message: Message): Promise<string> {
  try {
    await client.recall(message);
    await client.restore({ ...group, clientMsgNo: message.clientMsgNo });
    // @ts-expect-error a message is recalled in a channel
    await client.recall({ clientMsgNo: message.clientMsgNo });
  } catch (error) {
    if (error instanceof JindouError && error.code === "recall-denied") return `${error.reason} ${error.deadline} ${error.retryable}`;
    // @ts-expect-error there is no such code
    if (error instanceof JindouError && error.code === "denied") return "";
  }
  return version;
}

export async function conversations(client: Client): Promise<number> {
  const all: Conversation[] = await client.conversations();
  const first = all[0];
  if (first) await client.markRead(first, first.lastSeq);
  // @ts-expect-error the list may be empty
  return all[0].unread;
}
