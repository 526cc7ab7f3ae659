// One half of the window (or all of it): nobody, or one person. Its states, and all the ways between them:
//
//   entering ── log in, sign up, an account that is remembered ──► opening ──► open
//      ▲                                                             │           │
//      └──────── another account ◄── failed (in use, no storage) ◄───┘           │
//      └──────────────────────── logged out, session over ◄──────────────────────┘
import { effect, signal } from "@preact/signals";
import type { JindouErrorInfo } from "jindou";
import { choose, chosen, forget, remember, type Account } from "./accounts";
import { Chat } from "./chat";
import { Network } from "./network";
import { about, logIn, signUp, type About } from "./server";

export type PaneState =
  | { view: "entering"; uid?: string; sessionOver?: boolean }
  | { view: "opening"; account: Account }
  | { view: "failed"; account: Account; error: JindouErrorInfo }
  | { view: "open"; chat: Chat };

export class Pane {
  readonly state = signal<PaneState>({ view: "entering" });
  #network = new Network();
  #watching: (() => void) | undefined;
  /** Counts openings and leavings. Who comes back from a wait and finds another number is not wanted any more. */
  #turn = 0;
  #looking = false;

  constructor(readonly slot: number, private readonly worker: boolean) {
    const account = chosen(slot);
    if (account) void this.open(account);
  }

  /** Rejects with what the server said. */
  async logIn(uid: string, password: string): Promise<void> {
    await this.#enter(logIn(this.#network, uid, password));
  }

  async signUp(uid: string, name: string, password: string): Promise<void> {
    await this.#enter(signUp(this.#network, uid, name, password));
  }

  about(): Promise<About> {
    return about(this.#network);
  }

  async #enter(asked: Promise<Account>): Promise<void> {
    const turn = this.#turn;
    const account = await asked;
    remember(account);
    if (turn === this.#turn) await this.open(account);
  }

  async open(account: Account, before?: Chat): Promise<void> {
    const turn = ++this.#turn;
    this.state.value = { view: "opening", account };
    choose(this.slot, account.uid);
    try {
      const chat = await Chat.open(account, this.#network, this.worker, before);
      await this.#show(chat, turn);
    } catch (error) {
      if (turn === this.#turn) this.state.value = { view: "failed", account, error: error as JindouErrorInfo };
    }
  }

  /** Whoever had the account may have let go of it. What is shown stays until it is opened. */
  async lookAgain(): Promise<void> {
    const state = this.state.peek();
    if (state.view !== "failed" || this.#looking) return;
    const turn = this.#turn;
    this.#looking = true;
    const chat = await Chat.open(state.account, this.#network, this.worker).catch(() => undefined);
    this.#looking = false;
    if (chat) await this.#show(chat, turn);
  }

  async #show(chat: Chat, turn: number): Promise<void> {
    if (turn !== this.#turn) return void await chat.close().catch(() => {});
    this.state.value = { view: "open", chat };
    this.#watching = effect(() => {
      if (chat.ended.value) void this.#end(chat, true);
    });
  }

  /** After the client has ended by itself. */
  async reopen(): Promise<void> {
    const state = this.state.peek();
    if (state.view !== "open") return;
    const leaving = this.leave();
    const turn = this.#turn;
    await leaving;
    if (turn === this.#turn) await this.open(state.chat.account, state.chat);
  }

  /** Leaves this account to the other window and asks who is here. */
  switchAccount(): void {
    this.#turn += 1;
    choose(this.slot, "");
    this.state.value = { view: "entering" };
  }

  /** `wipe`: what is stored in this browser goes too. Ends the session at the server where that can be reached. */
  async logOut(wipe: boolean): Promise<void> {
    const state = this.state.peek();
    if (state.view !== "open") return;
    // WuKongIM's kick may be here before the answer. Ended by it, the client could not erase any more.
    this.#watching?.();
    await state.chat.server.logOut().catch(() => {});
    if (wipe) await state.chat.wipe().catch(() => {});
    await this.#end(state.chat, false);
  }

  /** The window closes, or the pane does. */
  async leave(): Promise<void> {
    this.#turn += 1;
    this.#watching?.();
    const state = this.state.peek();
    if (state.view === "open") await state.chat.close().catch(() => {});
  }

  async #end(chat: Chat, sessionOver: boolean): Promise<void> {
    this.#watching?.();
    const { uid } = chat.account;
    forget(uid);
    this.#network.setCut(false);
    this.switchAccount();
    this.state.value = { view: "entering", uid, sessionOver };
    // A client that was wiped is closed already.
    await chat.close().catch(() => {});
  }
}
