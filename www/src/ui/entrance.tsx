// Who is here? Log in, sign up, or go on as somebody who is remembered in this browser.
import { useEffect, useState } from "preact/hooks";
import { accounts, forget } from "../model/accounts";
import type { Pane } from "../model/pane";
import type { About } from "../model/server";
import { faultOf } from "../model/sign-up";
import { words } from "../words";
import { Avatar } from "./avatar";
import { BesideButton } from "./beside-button";
import { FormError } from "./form-error";
import { Cloud, Icon } from "./icons";
import type { Beside } from "./pane-view";
import { Settings } from "./settings";
import "./entrance.css";

interface EntranceProps { pane: Pane; uid?: string; sessionOver?: boolean; taken: readonly string[]; beside: Beside }

export function Entrance({ pane, uid = "", sessionOver = false, taken, beside }: EntranceProps) {
  const said = words.value;
  const [signingUp, setSigningUp] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [known, setKnown] = useState(accounts);

  const [server, setServer] = useState<About>({ signup: true });
  useEffect(() => {
    // Where it cannot be asked, the log-in will say so.
    pane.about().then(setServer, () => {});
  }, [pane]);

  const act = async (action: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await action();
    } catch (problem) {
      const wrong = !signingUp && (problem as { code?: string }).code === "unauthorized";
      setError(wrong ? { code: "wrong-password" } : problem);
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const field = (name: string) => String(fields.get(name) ?? "");
    const id = field("uid").trim();
    const password = field("password");
    if (!signingUp) return void act(() => pane.logIn(id, password));
    const name = field("name").trim() || id;
    const fault = faultOf(id, name, password);
    if (fault) setError({ code: fault });
    else void act(() => pane.signUp(id, name, password));
  };
  const others = known.filter((account) => !taken.includes(account.uid));
  const demo = server.demo?.people.filter((person) => !taken.includes(person.uid) && !others.some((account) => account.uid === person.uid)) ?? [];
  return (
    <div class="entrance">
      <div class="pane-corner"><Settings /><BesideButton beside={beside} /></div>
      <div class="entrance-card">
        <Cloud size={52} />
        <h1>{said.appName}</h1>
        {sessionOver && <p class="entrance-note" role="status">{said.sessionOver}</p>}
        {others.length > 0 && (
          <section class="entrance-known" aria-label={said.continueAs}>
            <h2 class="small soft">{said.continueAs}</h2>
            <ul>
              {others.map((account) => (
                <li key={account.uid}>
                  <button type="button" class="row" onClick={() => pane.open(account)}>
                    <Avatar id={account.uid} name={account.name} size="small" />
                    <span class="one-line"><bdi>{account.name}</bdi></span>
                  </button>
                  <button type="button" class="icon-button" aria-label={said.forgetAccount(account.name)} title={said.forgetAccount(account.name)}
                    onClick={() => {
                      forget(account.uid);
                      setKnown(accounts());
                    }}>
                    <Icon name="close" size={16} />
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
        <form onSubmit={submit} aria-label={signingUp ? said.signUp : said.logIn}>
          <label class="field">
            <span>{said.userId}</span>
            <input name="uid" defaultValue={uid} required maxLength={64} autocomplete="username" autocapitalize="off" spellcheck={false} />
          </label>
          {signingUp && (
            <label class="field">
              <span>{said.displayName}</span>
              <input name="name" maxLength={64} autocomplete="nickname" />
            </label>
          )}
          <label class="field">
            <span>{said.password}</span>
            <input name="password" type="password" required autocomplete={signingUp ? "new-password" : "current-password"} />
          </label>
          <FormError error={error} />
          <button class="button primary" disabled={busy}>{busy ? said.entering : signingUp ? said.signUp : said.logIn}</button>
        </form>
        {server.signup && <p class="small soft">
          {signingUp ? said.haveAccount : said.newHere}{" "}
          <button type="button" class="link-button" onClick={() => { setSigningUp(!signingUp); setError(undefined); }}>
            {signingUp ? said.logIn : said.signUp}
          </button>
        </p>}
        {server.demo && demo.length > 0 && (
          <section class="entrance-demo" aria-label={said.tryAs}>
            <h2 class="small soft">{said.tryAs}</h2>
            <ul>
              {demo.map((person) => (
                <li key={person.uid}>
                  <button type="button" class="button slim" disabled={busy} onClick={() => act(() => pane.logIn(person.uid, server.demo!.password))}>
                    <bdi class="one-line">{person.name}</bdi>
                  </button>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  );
}
