// Tells a person who looks at the list that mail has arrived. It never moves what they are reading.
const count = document.querySelector("[data-total]");
const news = document.querySelector(".news");

async function look() {
  if (document.hidden) return;
  try {
    const { total } = await (await fetch("/count.json?only=total")).json();
    if (total > Number(count.dataset.total) && !news.firstChild) {
      const link = document.createElement("a");
      link.href = "/";
      link.textContent = news.dataset.text;
      news.append(link);
    }
  } catch {
    // The demonstration has ended; the page stays readable.
  }
}

if (count && news) setInterval(look, 2000);
