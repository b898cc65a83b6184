// Improves the docs, which work without it: the current page is visible in the navigation, and exported docs are searched here.
const current = document.querySelector(".sidebar [aria-current=page]");
if (current) current.closest("nav").scrollTop = Math.max(0, current.offsetTop - innerHeight / 2);

// Exported docs have the index in a file of its own, with the same ranking as the gateway's search.
const place = document.getElementById("docs-search");
const words = (new URLSearchParams(location.search).get("q") || "").slice(0, 100).trim();

const rank = (terms, section) => {
  const heading = section.title.toLowerCase(), page = section.page.toLowerCase(), text = section.text.toLowerCase();
  if (!terms.every((term) => text.includes(term) || heading.includes(term) || page.includes(term))) return 0;
  const score = terms.reduce((sum, term) =>
    sum + 8 * heading.includes(term) + 4 * page.includes(term) + Math.min(text.split(term).length - 1, 5), 0);
  return /^(reference|decisions)\//.test(section.address) ? score / 2 : score;
};

const excerpt = (text, terms) => {
  const found = terms.map((term) => text.toLowerCase().indexOf(term)).filter((at) => at >= 0);
  const start = Math.max(0, Math.min(...found, text.length) - 53);
  const from = found.length ? start : 0;
  return (from ? "… " : "") + text.slice(from, from + 160) + (text.length > from + 160 ? " …" : "");
};

const make = (tag, text, className = "") => {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
};

const showFound = () => {
  document.getElementById("search").value = words;
  const title = make("h1", words ? `Results for “${words}”` : "Search the docs");
  if (!words) return place.replaceChildren(title, make("p", "Type a word, a setting, a call, an event or an error code."));
  const terms = words.toLowerCase().split(/\s+/).slice(0, 8);
  const ranked = globalThis.docsIndex.map((section) => ({ section, score: rank(terms, section) }))
    .filter((one) => one.score).sort((one, other) => other.score - one.score).slice(0, 20);
  if (!ranked.length) return place.replaceChildren(title, make("p", "No section has all of these words. Use fewer words."));
  const list = make("ol", "", "docs-found");
  for (const { section } of ranked) {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = section.address;
    link.append(make("b", section.title));
    if (section.title !== section.page) link.append(" ", make("span", `in ${section.page}`, "muted"));
    item.append(link, make("p", excerpt(section.text, terms), "soft"));
    list.append(item);
  }
  place.replaceChildren(title, list);
};

if (place && globalThis.docsIndex) showFound();
