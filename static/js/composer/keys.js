// Keys for whoever does this every morning. None of them fires in a field, and all can be switched off.

import { picksOf, slotOf, step, titleOf, toNextSlot } from "./moving.js";
import { changed } from "./saving.js";
import { say, text } from "./speaking.js";

const OFF = "newsroom.keys.off";
const isOn = () => localStorage.getItem(OFF) === null;

export function watchKeys() {
  const dialog = document.getElementById("composer-keys");
  const box = dialog.querySelector("input");
  box.checked = isOn();
  box.addEventListener("change", () => (box.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  document.addEventListener("click", (event) => { if (event.target.closest("#composer-help")) dialog.showModal(); });
  document.addEventListener("keydown", (event) => {
    if (dialog.open || event.ctrlKey || event.metaKey || event.defaultPrevented || isField(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      dialog.showModal();
    } else if (isOn()) {
      pressed(event);
    }
  });
}

const isField = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "submit";

function pressed(event) {
  const candidate = event.target.closest(".desk-candidate");
  const pick = event.target.closest(".desk-pick");
  if (event.altKey) {
    if (pick) moved(event, pick);
  } else if (candidate && /^[1-9]$/.test(event.key)) {
    const form = candidate.querySelector("form[data-pick-form]");
    const option = form.elements.slot.options[Number(event.key) - 1];
    if (!option) return;
    event.preventDefault();
    form.elements.slot.value = option.value;
    form.requestSubmit();
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    along(event.key === "j" ? 1 : -1, candidate);
  } else if (event.key === "/") {
    event.preventDefault();
    const search = document.querySelector(".desk-filters");
    search.open = true;
    search.querySelector("input[name=q]").focus();
  } else if (event.key === "Delete" && pick) {
    event.preventDefault();
    remove(pick);
  }
}

function moved(event, pick) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const over = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by && !over) return;
  event.preventDefault();
  if (by) step(pick, by);
  else toNextSlot(pick, over);
  event.target.focus();
}

function along(by, from) {
  const rows = [...document.querySelectorAll(".desk-candidate")];
  const next = rows[from ? rows.indexOf(from) + by : 0];
  next?.querySelector(".desk-title a").focus();
}

function remove(pick) {
  const title = titleOf(pick);
  if (!confirm(text("remove", { title }))) return;
  const place = picksOf(slotOf(pick)).indexOf(pick);
  pick.querySelector("input[name$=-remove]").checked = true;
  pick.hidden = true;
  const rest = picksOf(slotOf(pick));
  say(text("removed", { title }));
  changed({ now: true });
  // An empty slot is filled from the list.
  ((rest[place] ?? rest.at(-1))?.querySelector(".desk-handle") ?? document.getElementById("candidates")).focus();
}
