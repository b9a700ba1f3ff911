// Picks from place to place: by buttons, keys and drags, all through the number and the slot that the form has.

import { changed } from "./saving.js";
import { say, text } from "./speaking.js";

export const slotOf = (pick) => pick.closest(".desk-slot");
/** Without what was taken out: it stays in the form, unseen, to say so. */
export const picksOf = (slot) => [...slot.querySelectorAll(".desk-pick:not([hidden])")];
const slots = () => [...document.querySelectorAll(".desk-slot")];
export const keyOf = (slot) => slot.id.replace("slot-", "");
const nameOf = (slot) => slot.querySelector("h3").firstChild.textContent.trim();
export const titleOf = (pick) => pick.querySelector(".desk-title").firstChild.textContent.trim();

/** Gives each pick its handle and its two buttons, each candidate its handle; they are of no use without this script. */
export function equip() {
  for (const title of document.querySelectorAll(".desk-candidate > .desk-title")) {
    if (title.querySelector(".desk-grip")) continue;
    // For a pointer alone: keys and the form below do the same.
    const grip = document.createElement("span");
    grip.className = "desk-tool desk-grip";
    grip.textContent = "⠿";
    grip.setAttribute("aria-hidden", "true");
    title.prepend(grip);
  }
  for (const pick of document.querySelectorAll("fieldset:not(:disabled) .desk-pick")) {
    if (pick.querySelector(".desk-handle")) continue;
    const tools = document.createElement("div");
    tools.className = "desk-tools";
    tools.append(
      tool("desk-handle", "⠿", text("drag", { title: titleOf(pick) })),
      tool("desk-up", "▲", text("up", { title: titleOf(pick) }), () => step(pick, -1)),
      tool("desk-down", "▼", text("down", { title: titleOf(pick) }), () => step(pick, 1)),
    );
    pick.firstElementChild.append(tools);
  }
}

function tool(name, sign, label, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = `desk-tool ${name}`;
  button.textContent = sign;
  button.setAttribute("aria-label", label);
  if (act) {
    button.addEventListener("click", () => {
      act();
      button.focus();
    });
  }
  return button;
}

/** One place up or down, over the edge into the neighbouring slot. */
export function step(pick, by) {
  const slot = slotOf(pick);
  const place = picksOf(slot).indexOf(pick) + by;
  if (place >= 0 && place < picksOf(slot).length) return put(pick, slot, place);
  const neighbour = slots()[slots().indexOf(slot) + by];
  if (neighbour) put(pick, neighbour, by < 0 ? picksOf(neighbour).length : 0);
}

export function toNextSlot(pick, by) {
  const all = slots();
  const slot = all[all.indexOf(slotOf(pick)) + by];
  if (slot) put(pick, slot, picksOf(slot).length);
}

/** Puts the pick at this place of the slot, counted from 0, and lets the form know. */
export function put(pick, slot, place) {
  const left = slotOf(pick);
  const others = picksOf(slot).filter((each) => each !== pick);
  const before = others[place];
  const list = slot.querySelector(".desk-list");
  for (const hint of [...list.children]) if (!hint.classList.contains("desk-pick")) hint.remove();
  list.insertBefore(pick, before ?? null);
  pick.querySelector("select[name$=-slot]").value = keyOf(slot);
  for (const touched of new Set([left, slot])) renumber(touched);
  say(text("moved", {
    title: titleOf(pick), slot: nameOf(slot), place: picksOf(slot).indexOf(pick) + 1, of: picksOf(slot).length,
  }));
  changed({ now: true });
}

function renumber(slot) {
  picksOf(slot).forEach((pick, index) => { pick.querySelector("input[name$=-position]").value = index + 1; });
}
