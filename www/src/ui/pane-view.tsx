// A pane by its state: entering, opening, failed, open.
import { useEffect } from "preact/hooks";
import type { JindouErrorInfo } from "jindou";
import type { Account } from "../model/accounts";
import type { Pane } from "../model/pane";
import { errorText, words } from "../words";
import { ChatView } from "./chat-view";
import { ChatContext } from "./context";
import { BesideButton } from "./beside-button";
import { Entrance } from "./entrance";
import { Icon } from "./icons";

export interface Beside { open?: () => void; close?: () => void }

interface PaneViewProps { pane: Pane; name: string; others: readonly Pane[]; beside: Beside }

export function PaneView({ pane, name, others, beside }: PaneViewProps) {
  return <section class="pane" aria-label={name} tabIndex={-1}><Inside pane={pane} others={others} beside={beside} /></section>;
}

function Inside({ pane, others, beside }: Omit<PaneViewProps, "name">) {
  const state = pane.state.value;
  const said = words.value;
  switch (state.view) {
    case "entering":
      return <Entrance pane={pane} uid={state.uid} sessionOver={state.sessionOver} taken={others.flatMap(uidOf)} beside={beside} />;
    case "opening":
      return (
        <>
          <div class="pane-corner"><BesideButton beside={beside} /></div>
          <div class="empty"><span class="spinner" /><p role="status">{said.opening(state.account.name)}</p></div>
        </>
      );
    case "failed": return <Failed pane={pane} account={state.account} error={state.error} beside={beside} />;
    case "open":
      return <ChatContext.Provider value={state.chat}><ChatView key={state.chat.account.uid} pane={pane} beside={beside} /></ChatContext.Provider>;
  }
}

// Milliseconds.
const lookAgainAfter = 5000;

function Failed({ pane, account, error, beside }: { pane: Pane; account: Account; error: JindouErrorInfo; beside: Beside }) {
  const said = words.value;
  const inUse = error.code === "in-use";
  useEffect(() => {
    if (!inUse) return;
    const look = () => {
      if (document.visibilityState === "visible") void pane.lookAgain();
    };
    const timer = setInterval(look, lookAgainAfter);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [pane, inUse]);
  return (
    <>
      <div class="pane-corner"><BesideButton beside={beside} /></div>
      <div class="empty">
        <Icon name={inUse ? "beside" : "alert"} size={40} />
        <h1>{inUse ? said.inUseTitle : said.cannotOpen}</h1>
        <p role="alert">{inUse ? said.inUse(account.name) : errorText(error)}</p>
        <div class="dialog-actions">
          <button type="button" class="button primary" onClick={() => pane.open(account)}>{said.tryAgain}</button>
          <button type="button" class="button" onClick={() => pane.switchAccount()}>{said.otherAccount}</button>
        </div>
      </div>
    </>
  );
}

function uidOf(pane: Pane): string[] {
  const state = pane.state.value;
  return state.view === "open" ? [state.chat.account.uid] : state.view === "entering" ? [] : [state.account.uid];
}
