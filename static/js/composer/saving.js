// Saves while somebody types. A draft only: behind a proof a change has consequences, and there a button is pressed.

import { note, say, text } from "./speaking.js";

const PAUSE = 600;
let timer = 0;
let dirty = false;
let running = null;
let whenSaved = () => {};

const form = () => document.querySelector(".desk-digest form");
const saves = () => document.getElementById("composer").dataset.autosave === "on";

/** The version of the digest that the page shows; each form sends it along. */
export function takeVersion(version) {
  for (const input of document.querySelectorAll("input[name=version]")) input.value = version;
}

export const isDirty = () => dirty;
/** Whether all is saved and nothing on its way; else the page may show an older version than there will be. */
export const isSettled = () => !dirty && !running;

/** Watches the form; `saved` is called after each save, to bring the rest of the page up to date. */
export function watchTyping({ saved }) {
  whenSaved = saved;
  const touched = (event) => {
    if (event.target.closest(".desk-digest form") === form() && event.target.closest(".desk-digest")) changed();
  };
  // Not "change": leaving a field long saved would make it unsaved again, and the browser ask before the next page.
  document.addEventListener("input", touched);
  document.addEventListener("submit", (event) => { if (event.target === form()) dirty = false; });
}

/** Something in the form is other than what is saved. */
export function changed({ now = false } = {}) {
  dirty = true;
  clearTimeout(timer);
  note(text(saves() ? "saving" : "unsaved"));
  if (!saves()) return;
  timer = setTimeout(save, now ? 0 : PAUSE);
}

/** Saves at once what is waiting. True if nothing unsaved is left. */
export async function flush() {
  clearTimeout(timer);
  if (running) await running;
  if (!dirty) return true;
  if (!saves()) {
    say(text("save_first"), { isTrouble: true });
    return false;
  }
  return save();
}

async function save() {
  if (running) {
    await running; // one at a time, so that our own saves never meet
    return dirty ? save() : true;
  }
  running = post();
  try {
    return await running;
  } finally {
    running = null;
    if (dirty && saves()) timer = setTimeout(save, PAUSE);
  }
}

async function post() {
  const sent = form();
  if (!sent) return true;
  dirty = false;
  let answer;
  try {
    const body = new FormData(sent);
    answer = await fetch(location.href, {
      method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json" },
    });
    const said = await answer.json();
    if (said.saved) {
      takeVersion(said.version);
      // Unless something was typed meanwhile: then it is not all saved yet.
      if (!dirty) note(text("saved", { at: said.at }));
      await whenSaved();
      return true;
    }
    note(text("refused"));
    say(said.message, { isTrouble: true });
    stop(answer.status);
  } catch {
    note(text("not_saved"));
    // Without a connection the next keystroke tries again; what was typed stays in the page.
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, 10 * PAUSE);
    return false;
  }
  return false;
}

/** What a person must look at: no more saving by itself until the page was sent as a whole. */
function stop(status) {
  dirty = true;
  if (status === 409 || status === 403) document.getElementById("composer").dataset.autosave = "off";
}
