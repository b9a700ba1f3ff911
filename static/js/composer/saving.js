// Saves while somebody types. A draft only: behind a proof a change has consequences, and there a button is pressed.

import { forget, keep } from "./keeping.js";
import { note, say, text } from "./speaking.js";

const PAUSE = 250;
const RETRY = 3_000;
const LONGEST_RETRY = 30_000;
let timer = 0; // the only one
let dirty = false;
let typedAt = 0;
let isTried = true; // whether all that was typed went on its way once, with whatever answer
let failures = 0; // tries in a row that reached nobody
let refusal = "";
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

/** Watches the form; `saved` is called with the answer to each save, to bring the rest of the page up to date. */
export function watchTyping({ saved }) {
  whenSaved = saved;
  const touched = (event) => {
    if (event.target.closest(".desk-digest form") === form() && event.target.closest(".desk-digest")) changed();
  };
  // Not "change": leaving a field long saved would make it unsaved again, and the browser ask before the next page.
  document.addEventListener("input", touched);
  document.addEventListener("submit", (event) => {
    if (event.target !== form() || event.defaultPrevented) return;
    clearTimeout(timer);
    keep(); // until the next page shows that it arrived
    dirty = false;
  });
  addEventListener("online", () => { if (failures && !running) save(); });
}

/** Something in the form is other than what is saved. */
export function changed({ now = false } = {}) {
  dirty = true;
  isTried = false;
  keep();
  typedAt = performance.now() - (now ? PAUSE : 0);
  note(text(saves() ? "saving" : "unsaved"));
  // While a save is on its way, and between two tries without a connection, what was typed waits for its turn.
  if (!running && !failures) saveSoon();
}

function saveSoon() {
  wait(Math.max(0, typedAt + PAUSE - performance.now()));
}

function wait(pause) {
  clearTimeout(timer);
  if (saves()) timer = setTimeout(save, pause);
}

/** Saves at once what is waiting. True if nothing unsaved is left. */
export async function flush() {
  while (running) await running; // one at a time, so that our own saves never meet
  if (!dirty) return true;
  if (!saves()) {
    say(text("save_first"), { isTrouble: true });
    return false;
  }
  refusal = ""; // who presses a button is told again why nothing happens
  return save();
}

async function save() {
  clearTimeout(timer);
  running = post();
  try {
    return await running;
  } finally {
    running = null;
    if (failures) wait(Math.min(RETRY * 2 ** (failures - 1), LONGEST_RETRY));
    else if (!isTried) saveSoon();
    // What was refused waits for the next keystroke: sent again unchanged it would be refused again.
  }
}

async function post() {
  const sent = form();
  if (!sent) return true;
  dirty = false;
  isTried = true;
  const asked = location.href;
  let answer;
  let said;
  try {
    answer = await fetch(asked, {
      method: "POST", body: new FormData(sent), credentials: "same-origin", headers: { Accept: "application/json" },
    });
    if (answer.redirected || answer.status === 403) said = { saved: false, message: text("locked_out"), isFinal: true };
    else said = await answer.json();
  } catch {
    dirty = true;
    failures += 1;
    note(text("not_saved"));
    return false;
  }
  failures = 0;
  mark(said.fields ?? []);
  if (!said.saved) {
    refused(said, answer.status);
    return false;
  }
  refusal = "";
  takeVersion(said.version);
  if (dirty) keep();
  else forget();
  // Unless something was typed meanwhile: then it is not all saved yet.
  if (!dirty) note(text("saved", { at: said.at }));
  await whenSaved({ ...said, asked });
  return true;
}

/** What a person must mend. Once the page must be sent as a whole, no more is saved by itself. */
function refused({ message, isFinal }, status) {
  dirty = true;
  note(text("refused"));
  if (message !== refusal) say(message, { isTrouble: true });
  refusal = message;
  if (isFinal || status === 409) document.getElementById("composer").dataset.autosave = "off";
}

/** Shows which fields hold what cannot be saved. */
function mark(ids) {
  for (const field of form().querySelectorAll("[aria-invalid]")) if (!ids.includes(field.id)) field.removeAttribute("aria-invalid");
  for (const id of ids) {
    const field = document.getElementById(id);
    field?.setAttribute("aria-invalid", "true");
    const closed = field?.closest("details:not([open])");
    if (closed) closed.open = true;
  }
}
