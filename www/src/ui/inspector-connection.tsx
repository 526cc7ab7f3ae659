// How the connection is and where the client runs.
import { errorText, exactTimeOf, words } from "../words";
import { useChat } from "./context";

export function InspectorConnection() {
  const chat = useChat();
  const said = words.value;
  const { facts } = said;
  const connection = chat.connection.value;
  const error = connection.state === "waiting" || connection.state === "refused" ? connection.error : undefined;
  const rows: [string, string][] = [
    [facts.account, chat.account.uid],
    [facts.state, said.connection[connection.state]],
    [facts.network, chat.network.cut.value ? facts.cut : facts.on],
    [facts.mode, chat.client.mode === "worker" ? facts.worker : facts.page],
    [facts.unread, String(chat.unread.value)],
  ];
  if (connection.state === "waiting") rows.push([facts.next, exactTimeOf(chat.retryAt.value)]);
  if (error) rows.push([facts.error, `${chat.gatewayRefused.value ? said.plainGateway : errorText(error)} (${error.code})`]);
  return <dl class="facts">{rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd><bdi>{value}</bdi></dd></div>)}</dl>;
}
