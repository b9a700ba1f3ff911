// Whether something came in since the list was loaded. The list itself never moves by itself.

const EVERY = 30_000;

export function watchArrivals() {
  setInterval(async () => {
    const line = document.querySelector("[data-arrivals]");
    if (!line || document.hidden) return;
    try {
      const answer = await fetch(line.dataset.arrivals, { credentials: "same-origin" });
      const { count, text } = await answer.json();
      line.hidden = !count;
      if (count) line.querySelector("a").textContent = text;
    } catch {
      // The next look tells.
    }
  }, EVERY);
}
