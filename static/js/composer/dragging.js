// Drags with mouse, pen or finger, by the handle. Whatever a drag does, the buttons, the keys and the number do too.

import { picksOf, put } from "./moving.js";

let held = null;
let mark = null;

export function watchDrags() {
  document.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest(".desk-handle");
    if (!handle || event.button) return;
    event.preventDefault();
    held = handle.closest(".desk-pick");
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

/** Shows the gap where the pick would come to lie; near an edge of the window the page scrolls along. */
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
  const pick = held;
  held = null;
  pick.classList.remove("is-held");
  document.body.classList.remove("is-dragging");
  const slot = mark.closest(".desk-slot");
  if (isMeant && slot) {
    const following = [...slot.querySelectorAll(".desk-pick, .desk-gap")].filter((each) => each !== pick);
    const place = following.indexOf(mark);
    mark.remove();
    put(pick, slot, place);
    pick.querySelector(".desk-handle").focus();
  } else {
    mark.remove();
  }
}
