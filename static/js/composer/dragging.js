// Drags with mouse, pen or finger, by the handle: a pick to another place, a candidate into a slot. Whatever a drag does,
// the buttons, the keys and the number do too.

import { keyOf, picksOf, put } from "./moving.js";
import { sendOfList } from "./parts.js";

let held = null;
let mark = null;

export function watchDrags() {
  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".desk-handle, .desk-grip");
    if (!handle || event.button) return;
    event.preventDefault();
    held = handle.closest(".desk-pick, .desk-candidate");
    held.classList.add("is-held");
    document.body.classList.add("is-dragging");
    mark = document.createElement("li");
    mark.className = "desk-gap";
    mark.setAttribute("aria-hidden", "true");
    handle.setPointerCapture(event.pointerId);
  });
  document.addEventListener("pointermove", (event) => {
    if (held) hover(event.clientX, event.clientY);
  });
  document.addEventListener("pointerup", () => end(true));
  document.addEventListener("pointercancel", () => end(false));
  document.addEventListener("keydown", (event) => { if (held && event.key === "Escape") end(false); });
}

/** Shows the gap where what is held would come to lie; near an edge of the window the page scrolls along. */
function hover(x, y) {
  if (y < 60) scrollBy(0, -12);
  if (y > innerHeight - 60) scrollBy(0, 12);
  const slot = document.elementFromPoint(x, y)?.closest(".desk-slot");
  if (!slot) return mark.remove();
  const before = picksOf(slot).filter((each) => each !== held).find((each) => {
    const box = each.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  slot.querySelector(".desk-list").insertBefore(mark, before ?? null);
}

function end(isMeant) {
  if (!held) return;
  const dropped = held;
  held = null;
  dropped.classList.remove("is-held");
  document.body.classList.remove("is-dragging");
  const slot = mark.closest(".desk-slot");
  if (isMeant && slot) {
    const following = [...slot.querySelectorAll(".desk-pick:not([hidden]), .desk-gap")].filter((each) => each !== dropped);
    const place = following.indexOf(mark);
    mark.remove();
    if (dropped.matches(".desk-candidate")) return take(dropped, slot, place);
    put(dropped, slot, place);
    dropped.querySelector(".desk-handle").focus();
  } else {
    mark.remove();
  }
}

/** Picks the candidate by its own form; the form counts places from 1. */
function take(candidate, slot, place) {
  const form = candidate.querySelector("form[data-pick-form]");
  form.elements.slot.value = keyOf(slot);
  sendOfList(form, { place: place + 1 });
}
