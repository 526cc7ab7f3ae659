// Starts the page: the panes, the window that shows them, and the service worker that makes it load without a network.
import { render } from "preact";
import "./ui/base.css";
import { worker } from "./model/preferences";
import { Pane } from "./model/pane";
import { App } from "./ui/app";
import { watchTheDay } from "./words";

const panes = new Map<number, Pane>();

function paneOf(slot: number): Pane {
  const pane = panes.get(slot) ?? new Pane(slot, worker);
  panes.set(slot, pane);
  return pane;
}

function dropPane(slot: number): void {
  void panes.get(slot)?.leave();
  panes.delete(slot);
}

watchTheDay();
render(<App paneOf={paneOf} dropPane={dropPane} />, document.getElementById("app")!);

// Where there is none (plain http to another machine), the page needs its server to load; what it shows is stored all the same.
navigator.serviceWorker?.register("/service-worker.js").catch(() => {});
