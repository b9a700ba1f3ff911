// Whether something came in since the list was loaded, and who else is here. The list itself never moves by itself.

const EVERY = 30_000;

/** Only where it says something new: a screen reader would else read it out again. */
function tellPresent(present) {
  const place = document.getElementById("composer-present");
  if (place && present !== undefined && place.textContent !== present) place.textContent = present;
}

async function look() {
  const line = document.querySelector("[data-arrivals]");
  if (!line || document.hidden) return;
  try {
    const answer = await fetch(line.dataset.arrivals, { credentials: "same-origin" });
    const { count, text, present } = await answer.json();
    tellPresent(present);
    line.hidden = !count;
    if (count) line.querySelector("a").textContent = text;
  } catch {
    // The next look tells.
  }
}

/** The first look at once: it tells the others that somebody came. */
export function watchArrivals() {
  look();
  setInterval(look, EVERY);
}
